"""The road of a new user: help, init, check, plan, apply, and looking back at it."""

import json
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.acceptance.world import COMPANY, Company, World, iwds, run_id, sandbox, saved


@pytest.mark.parametrize(
    "command",
    [
        *("", "check", "plan", "apply", "run", "history", "show", "status", "daemon", "sandbox", "demo", "init", "db"),
        *(
            "capture",
            *(f"sandbox {one}" for one in ("show", "enrol", "authenticate", "issue", "mark", "clock", "fill")),
        ),
    ],
)
def test_help_reads_like_a_page_of_80_columns(command: str) -> None:
    ran = iwds(*command.split(), "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert [line for line in ran.out.splitlines() if len(line) > 80] == []
    assert "…" not in ran.out.replace("add, …", "").replace("create, …", "")
    options = ran.out.partition("─ Options ")[2]
    assert re.findall(r"<(?:bool|str|int|path|list)\b", options) == [], "people do not know the types of Python"
    assert "\x1b" not in ran.out


def test_without_a_command_it_prints_its_help() -> None:
    ran = iwds()
    assert ran.code == 0
    assert "iwds demo" in ran.out
    assert ran.out.strip() == iwds("--help").out.strip()


def test_help_names_every_exit_code() -> None:
    text = iwds("--help").out
    codes = re.findall(r"(?:^|\s{2,})(\d+)  \w", text.partition("Exit codes")[2].partition("Options")[0])
    assert sorted(map(int, codes)) == [0, 1, 2, 3, 4, 64, 75, 78]


def test_from_nothing_to_a_second_plan_that_has_nothing_to_do(tmp_path: Path) -> None:
    """A part of the sample company, with a plan that is saved to a file, looked at and applied."""
    home = tmp_path / "home"
    assert iwds("init", str(home)).code == 0
    assert (home / "config.yaml").read_bytes() == (COMPANY.parents[2] / "config.example.yaml").read_bytes()
    refused = iwds("init", str(home))
    assert refused.code == 64, "it overwrites nothing"
    assert re.search(r"config\.yaml and \d+ files more exist already", refused.err)
    Company(people=150).write(home / "company.ldif")
    with sandbox(tmp_path) as port:
        url = {
            "IWDS_TARGETS__MFA__URL": f"http://127.0.0.1:{port}/v2/services/ConsoleAdmin",
            "IWDS_JOBS__COMPANY__LIMITS__PROMOTE__FLOOR": "10",
        }

        file = tmp_path / "plan.json"

        def run(*arguments: str, code: int = 0) -> str:
            ran = iwds("--config", str(home / "config.yaml"), *arguments, env=url)
            assert ran.code == code, f"{arguments}: {ran.code}\n{ran.out}\n{ran.err}"
            assert ran.err in ("", f"written {file}\n")
            return ran.out

        assert "NO" not in run("check").split()
        first = run("plan", "company", code=2)
        assert len(first.splitlines()) <= 40
        created = re.search(r"^ +(\d+)  to create", first, re.MULTILINE)
        assert created
        run("plan", "company", "-o", str(file), code=2)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        applied = run("apply", str(file), "--yes")
        assert re.search(r"^\d+ done   run", applied, re.MULTILINE)
        second = run("plan", "company")
        assert "Nothing to do." in second
        assert f" {created[1]}  are as they should be" in second
        run_ = re.search(r"   run ([0-9a-f]{8}), exit 0", applied)
        assert run_
        assert run_[1] in run("history")
        assert "ok   company  last success 0 min ago" in run("status", "company")
        assert run("show", run_[1], "create", "--all").count("create ") == int(created[1])
        assert "Nothing of that kind" in run("show", run_[1], "lock")


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world after its first run, which nobody changes any more."""
    folder = tmp_path_factory.mktemp("json")
    with sandbox(folder) as port:
        world = World(folder / "home", port, Company(people=10))
        world.iwds("run", "company")
        yield world


class TestJson:
    """Every command that tells something tells it to machines too, on standard output alone."""

    def test_of_check(self, looked_at: World) -> None:
        (job,) = looked_at.iwds("check", "--json").json["jobs"]
        assert (job["job"], job["exit"]) == ("company", 0)
        assert {finding["what"] for finding in job["findings"]} >= {"configuration", "proof", "service", "groups"}

    def test_of_plan(self, looked_at: World) -> None:
        for arguments in (("--json",), ("--format", "json")):
            plan = looked_at.iwds("plan", "company", *arguments).json
            assert (plan["schema"], plan["job"], plan["changes"]) == (1, "company", [])

    def test_of_run_history_show_and_status(self, looked_at: World) -> None:
        run = looked_at.iwds("run", "company", "--json").json
        assert (run["exit"], run["summary"]) == (0, "nothing to do")
        history = looked_at.iwds("history", "--json").json["runs"]
        assert history[0]["id"] == run["run"]
        assert [row["exit_code"] for row in history] == [0] * len(history)
        first = looked_at.iwds("show", history[-1]["id"], "--json").json
        assert {entry["result"] for entry in first["journal"]} == {"done"}
        assert looked_at.iwds("show", run["plan"], "--json").json["id"] == run["plan"]
        (status,) = looked_at.iwds("status", "--json").json["jobs"]
        assert status["fresh"] is True

    def test_of_apply_leaves_no_place_for_a_question(self, looked_at: World) -> None:
        looked_at.iwds("apply", "company", "--json", code=64)
        assert looked_at.iwds("apply", "company", "--json", "--yes").json["exit"] == 0


def test_a_dry_run_answers_like_a_plan_and_changes_nothing(world: World) -> None:
    world.iwds("run", "company", "--dry-run", code=2)
    world.iwds("run", "company", "--dry-run", code=2)
    assert json.loads(world.iwds("history", "--json").out)["runs"] == []


def test_a_job_in_report_mode_never_writes(world: World) -> None:
    env = {"IWDS_JOBS__COMPANY__MODE": "report"}
    told = world.iwds("run", "company", code=2, env=env)
    assert "REPORT ONLY" in told.out
    assert "report only: " in told.out
    assert "iwds apply" not in told.out
    world.iwds("apply", "company", "--yes", code=78, env=env)
    assert "to create" in world.iwds("plan", "company", code=2).out


def test_without_a_terminal_nobody_can_answer_and_nothing_is_done(world: World) -> None:
    ran = world.iwds("apply", "company", code=64)
    assert "--yes" in ran.err
    world.iwds("plan", "company", code=2)


def test_status_says_when_nothing_has_succeeded_for_too_long(world: World) -> None:
    assert "OLD  company  last success never" in world.iwds("status", code=1).out
    world.iwds("run", "company")
    world.iwds("status", "--max-age", "1h")
    world.iwds("status", "--max-age", "0s", code=1)
    world.iwds("status", "--max-age", "soon", code=64)


def test_status_counts_the_days_of_certificates_and_asks_no_service(world: World) -> None:
    world.iwds("run", "company")
    assert "ok   mfa  no certificate" in world.iwds("status").out
    for days, mark, code in ((100, "ok  ", 0), (10, "look", 0), (-2, "NO  ", 1)):
        file = certificate(world.folder / "client.pem", days)
        env = {"IWDS_TARGETS__MFA__URL": "https://127.0.0.1:1/", "IWDS_TARGETS__MFA__CERTIFICATE": str(file)}
        told = world.iwds("status", env=env, code=code).out
        assert re.search(rf"^{mark} mfa  certificate: (valid until|ended on) ", told, re.MULTILINE)
        assert ("Download a new one" in told) is (days < 30)
        (row,) = world.iwds("status", "--json", env=env, code=code).json["targets"]
        assert (row["target"], row["well"]) == ("mfa", days >= 0)
    env["IWDS_TARGETS__MFA__CERTIFICATE"] = "/no/such/file"
    assert "NO   mfa" in world.iwds("status", env=env, code=1).out


def certificate(file: Path, days: int) -> Path:
    """A certificate with its key that is valid for so many days."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=900))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return file


def test_a_slip_in_the_name_of_a_job_is_named_wherever_a_job_may_stand(world: World) -> None:
    assert 'did you mean "company"?' in world.iwds("plan", "comapny", code=78).err
    assert 'did you mean "company"?' in world.iwds("apply", "comapny", code=64).err
    assert "neither a run, nor a file, nor a saved plan" in world.iwds("show", "company", code=64).err


def test_a_plan_that_was_shown_is_applied_by_its_id(world: World) -> None:
    plan = saved(world.iwds("plan", "company", code=2))
    run = run_id(world.iwds("apply", plan, "--yes"))
    assert plan != run
    world.iwds("plan", "company")
    assert world.iwds("show", run).out.startswith(run)

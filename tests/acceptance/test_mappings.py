"""`iwds mapping` and golden people, as somebody who edits a mapping uses them."""

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.world import ROOT, Company, World, iwds, sandbox

MAPPING = "mappings/sample-company.yaml"
GOLDEN = """\
people:
  claire.martin: in scope, role user, groups mail+vpn+wiki
  tomas.novak: {in: [mail], not_in: [finance]}
  svc-backup: never
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A configuration, and no service: none of these commands asks it."""
    return World(tmp_path_factory.mktemp("mappings"), 1, Company(people=40))


def file(home: World, name: str, text: str) -> Path:
    (home.folder / name).write_text(text, encoding="utf-8")
    return home.folder / name


def edited(home: World, old: str, new: str) -> Path:
    text = (home.folder / MAPPING).read_text(encoding="utf-8")
    assert old in text
    return file(home, "edited.yaml", text.replace(old, new, 1))


def fits(text: str) -> bool:
    return all(len(line) <= 80 for line in text.splitlines())


def test_somebody_of_the_directory_is_shown_rule_by_rule(home: World) -> None:
    ran = home.iwds("mapping", "try", str(home.folder / MAPPING), "--login", "Claire.Martin")

    assert fits(ran.out)
    assert "yes        in group staff" in ran.out
    assert 'trim         "claire.martin"' in ran.out
    assert "groups      mail, vpn, wiki" in ran.out


def test_what_is_printed_as_json_is_an_entry_that_is_taken_without_any_directory(home: World) -> None:
    mapping = str(home.folder / MAPPING)
    first = home.iwds("mapping", "try", mapping, "--login", "claire.martin", "--json")
    entry = file(home, "claire.json", first.out)

    again = iwds("mapping", "try", str(ROOT / MAPPING), "--entry", str(entry), "--json", cwd=home.folder.parent)

    assert again.code == 0, again.err
    assert {**again.json, "mapping": mapping} == first.json
    assert again.json["account"]["login"] == "claire.martin"
    assert again.json["absent"] is None


def test_whoever_has_no_account_is_told_why(home: World) -> None:
    entry = file(home, "x.json", '{"dn": "uid=x,ou=people,dc=corp,dc=example", "attributes": {"uid": "x"}}')

    ran = home.iwds("mapping", "try", str(home.folder / MAPPING), "--entry", str(entry))
    data = home.iwds("mapping", "try", str(home.folder / MAPPING), "--entry", str(entry), "--json").json

    assert fits(ran.out)
    assert "No account: out-of-scope: neither staff nor a contractor" in ran.out
    assert "(sample-company.yaml:13)" in ran.out
    assert data["account"] is None
    assert data["absent"]["reason"] == "out-of-scope"


@pytest.mark.parametrize("arguments", [(), ("--login", "nobody.here"), ("--entry", "company.ldif")])
def test_a_question_about_nobody_is_refused(home: World, arguments: tuple[str, ...]) -> None:
    home.iwds("mapping", "try", str(home.folder / MAPPING), *arguments, code=64)


def test_one_of_many_in_a_file_is_named(home: World) -> None:
    mapping, entries = str(home.folder / MAPPING), str(home.folder / "company.ldif")

    told = [
        home.iwds("mapping", "try", mapping, "--entry", entries, "--login", "claire.martin", *more, "--json").json
        for more in ((), ("--job", "company"))
    ]
    asked = home.iwds("mapping", "try", mapping, "--login", "claire.martin", "--json").json
    nobody = home.iwds("mapping", "try", mapping, "--entry", entries, "--login", "no.such", code=64)

    assert [each["account"] for each in told] == [asked["account"]] * 2
    assert told[1]["entry"]["realm"] == asked["entry"]["realm"]
    assert "nobody in" in nobody.err
    assert "filter of a source" not in nobody.err


def test_two_mappings_are_compared_over_everybody(home: World) -> None:
    old, new = str(home.folder / MAPPING), str(edited(home, "default: user", "default: manager"))

    same = home.iwds("mapping", "diff", old, old, "company")
    ran = home.iwds("mapping", "diff", old, new, "company", "-n", "2", code=2)

    assert "0 would change" in same.out
    assert fits(ran.out)
    assert "user -> manager" in ran.out
    assert "more: --all" in ran.out


def test_where_logins_get_numbers_a_comparison_says_that_it_knows_none(home: World) -> None:
    old = str(home.folder / MAPPING)
    new = str(edited(home, "login:\n", "login:\n  collision: number\n"))

    told = home.iwds("mapping", "diff", old, new, "company", code=2).out
    unnumbered = home.iwds(
        "mapping", "diff", old, str(edited(home, "default: user", "default: manager")), "company", code=2
    )

    assert fits(told)
    assert "login that several people want changes" in told
    assert "goes to nobody -> gets a number" in told
    assert "only a plan of everybody tells: iwds plan company" in " ".join(told.split())
    assert "number" not in unnumbered.out


def test_a_comparison_as_json_counts_and_with_all_has_a_line_for_everything(home: World) -> None:
    old, new = (
        str(home.folder / MAPPING),
        str(edited(home, "- {to: wiki, group: wiki-users}", "- {to: wiki, group: x}")),
    )

    short = home.iwds("mapping", "diff", old, new, "company", "--json", "-n", "1", code=2).json
    lines = home.iwds("mapping", "diff", old, new, "company", "--json", "--all", code=2).out.splitlines()

    (count,) = short["counts"]
    assert (count["turn"], count["what"], len(count["first"])) == ("group lost", "wiki", 1)
    assert count["people"] == short["changed"] == len(lines) - 1
    assert {json.loads(line)["what"] for line in lines[:-1]} == {"wiki"}
    assert json.loads(lines[-1])["changed"] == short["changed"]
    plain = home.iwds("mapping", "diff", old, new, "company", "--all", code=2).out
    assert plain.count("group lost: wiki") == count["people"] + 1
    assert fits(plain)


def test_the_mapping_last_applied_can_be_one_of_the_two(tmp_path: Path) -> None:
    with sandbox(tmp_path) as port:
        world = World(tmp_path / "home", port, Company(people=40))
        refused = world.iwds("mapping", "diff", "applied", str(world.folder / MAPPING), "company", code=64)
        world.iwds("run", "company")
        world.mapping("default: user", "default: manager")

        ran = world.iwds("mapping", "diff", "applied", str(world.folder / MAPPING), "company", code=2)

    assert "never applied" in refused.err
    assert "role changes" in ran.out


def test_golden_people_are_looked_for_in_the_directory(home: World) -> None:
    golden = file(home, "g.yaml", GOLDEN)

    ran = home.iwds("mapping", "test", "company", "--golden", str(golden))

    assert fits(ran.out)
    assert "3 of 3 are as" in ran.out


def test_a_golden_person_who_is_not_so_is_told_with_the_rule(home: World) -> None:
    golden = file(home, "g.yaml", GOLDEN.replace("role user", "role manager"))

    ran = home.iwds("mapping", "test", "company", "--golden", str(golden), code=1)
    data = home.iwds("mapping", "test", "company", "--golden", str(golden), "--json", code=1).json

    assert fits(ran.out)
    assert "role: user; expected manager" in ran.out
    assert "no         manager, if in group mfa-managers" in ran.out
    assert "2 of 3 are as" in ran.out
    assert [person["ok"] for person in data["people"]] == [False, True, True]
    assert data["people"][0]["misses"][0]["rules"][0]["rule"] == "role.rules.0"


def test_golden_people_run_on_saved_entries_without_a_directory(home: World) -> None:
    """The source of the job does not answer: only the file is read."""
    golden = file(home, "g.yaml", GOLDEN)
    entries = file(home, "entries.ldif", (home.folder / "company.ldif").read_text("ascii"))
    away = {"IWDS_SOURCES__COMPANY__PATH": "gone.ldif"}
    saved = [
        home.iwds("mapping", "try", str(home.folder / MAPPING), "--login", who, "--json").json["entry"]
        for who in ("claire.martin", "tomas.novak")
    ]
    lines = file(home, "entries.json", "\n".join(map(json.dumps, saved)))

    arguments = ("mapping", "test", "company", "--golden", str(golden))
    home.iwds(*arguments, code=75, env=away)
    for people in (entries, lines):
        assert "3 of 3 are as" in home.iwds(*arguments, "--entries", str(people), env=away).out


def test_golden_people_run_where_neither_configuration_nor_secret_is(home: World, tmp_path: Path) -> None:
    golden, entries = file(home, "g.yaml", GOLDEN), home.folder / "company.ldif"

    ran = iwds(
        *("mapping", "test", str(ROOT / MAPPING), "--golden", str(golden), "--entries", str(entries)), cwd=tmp_path
    )  # fmt: skip

    assert (ran.code, "3 of 3 are as" in ran.out) == (0, True)


def test_a_login_that_two_people_want_is_no_golden_person(home: World) -> None:
    golden = file(home, "g.yaml", "people: {ada: in scope}")
    twice = file(
        home, "twice.json", '[{"dn": "uid=ADA,dc=x", "attributes": {"uid": "ADA"}}, {"attributes": {"uid": "ada"}}]'
    )

    ran = home.iwds("mapping", "test", "company", "--golden", str(golden), "--entries", str(twice), code=1)

    assert "name them by distinguished name" in ran.out


def test_a_check_looks_at_the_golden_people_of_a_job(tmp_path: Path) -> None:
    with sandbox(tmp_path) as port:
        world = World(tmp_path / "home", port, Company(people=40))
        file(world, "g.yaml", GOLDEN)
        world.env["IWDS_JOBS__COMPANY__GOLDEN"] = "g.yaml"
        well = world.iwds("check")
        file(world, "g.yaml", GOLDEN.replace("role user", "role manager"))
        wrong = world.iwds("check", code=78)
        file(world, "g.yaml", "people: {a: in skope}")
        broken = world.iwds("check", code=78)

    assert "golden: 3 of 3 people are as g.yaml says" in well.out
    assert "claire.martin (g.yaml:2): role: user; expected manager" in wrong.out
    assert "is not understood" in broken.out


@pytest.mark.parametrize(("given", "missing"), [(["--golden", "g.yaml"], "--entries"), ([], "--golden and --entries")])
def test_a_mapping_file_says_what_it_needs_to_be_tested(tmp_path: Path, given: list[str], missing: str) -> None:
    ran = iwds("mapping", "test", str(ROOT / MAPPING), *given, cwd=tmp_path)

    assert ran.code == 64
    assert f"a mapping file needs {missing}" in " ".join(ran.err.split())


def test_nobody_of_a_login_says_what_else_finds_somebody(home: World) -> None:
    ran = home.iwds("mapping", "try", str(home.folder / MAPPING), "--login", "no.such", code=64)

    assert "a distinguished name or the id of an entry finds somebody too" in " ".join(ran.err.split())


def test_a_job_without_golden_people_says_how_to_name_them(home: World) -> None:
    assert "--golden FILE" in home.iwds("mapping", "test", "company", code=64).err


def test_the_templates_that_init_writes_are_tested_by_the_command_that_stands_beside_them(tmp_path: Path) -> None:
    assert iwds("init", str(tmp_path)).code == 0
    tests = sorted(tmp_path.glob("mappings/tests/*.yaml"))

    for people in tests:
        text = re.sub(r"(?m) \\\n#|^# ?", " ", people.read_text("utf-8"))
        (command,) = re.findall(r"^ *iwds (mapping test .*)$", text, re.MULTILINE)
        assert f"mappings/{people.name}" in command
        ran = iwds(*command.split(), cwd=tmp_path)
        assert ran.code == 0, f"{command}:\n{ran.out}{ran.err}"
    assert len(tests) > 5


def test_what_init_writes_leads_editors_to_the_schemas(tmp_path: Path) -> None:
    assert iwds("init", str(tmp_path)).code == 0

    for written in tmp_path.rglob("*.yaml"):
        line = written.read_text("utf-8").splitlines()[0]
        assert (written.parent / line.partition("$schema=")[2]).is_file(), written

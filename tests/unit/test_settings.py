"""The configuration: what wins, what is refused and where, what is secret, and what counts as a change of it."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from iwds import configuration, examples, settings
from iwds.bootstrap import Wiring
from iwds.configuration import Configuration, digest, load, without_secrets
from iwds.core.approval import Approval, Needed
from iwds.core.guards import GuardKind
from iwds.errors import ConfigurationError
from iwds.scheduling import schedules

CONFIG = """\
state: sqlite:///iwds.db
sources:
  corp-ad:
    kind: ldap
    urls: [ldaps://one.example]
    bind_dn: cn=reader
    password: from-the-file
    users: {base: "ou=people,dc=example"}
targets:
  mfa:
    kind: provisioning
    url: https://mfa.example/v2
    service_id: 10408
    provisioning_id: 20
jobs:
  staff:
    sources: [corp-ad]
    mapping: mapping.yaml
    target: mfa
"""
MAPPING = """\
login: uid
firstname: givenName
name: sn
mail: mail
role: {default: user}
"""


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from the machine that runs the tests."""
    for name in [name for name in os.environ if name.upper().startswith("IWDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(configuration, "SECRET_FOLDERS", ("CREDENTIALS_DIRECTORY", str(tmp_path / "run-secrets")))


def written(folder: Path, text: str = CONFIG) -> Path:
    """A configuration that only its owner can read, and its mapping."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return file


def changed(old: str, new: str) -> str:
    assert old in CONFIG
    return CONFIG.replace(old, new, 1)


def refused(file: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return caught.value


def password(config: Configuration) -> Any:
    return config.settings.sources["corp-ad"]["password"]


class TestPrecedence:
    def test_the_environment_wins_over_secret_folders_and_these_over_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = written(tmp_path)
        assert password(load(file)) == "from-the-file"
        (tmp_path / "run-secrets").mkdir()
        (tmp_path / "run-secrets" / "sources__corp-ad__password").write_text("from-run-secrets\n")
        assert password(load(file)) == "from-run-secrets"
        (tmp_path / "credentials").mkdir()
        (tmp_path / "credentials" / "sources__corp-ad__password").write_text("from-systemd\n")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
        assert password(load(file)) == "from-systemd"
        monkeypatch.setenv("IWDS_SOURCES__CORP_AD__PASSWORD", "from-the-environment")
        assert password(load(file)) == "from-the-environment"

    def test_a_name_with_dashes_is_written_with_underscores_and_adds_no_second_source(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IWDS_SOURCES__CORP_AD__PASSWORD", "x")
        assert list(load(written(tmp_path)).settings.sources) == ["corp-ad"]

    def test_numbers_and_lists_come_from_the_environment_too(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IWDS_JOBS__STAFF__LIMITS__LOCK__CAP", "7")
        monkeypatch.setenv("IWDS_JOBS__STAFF__ADOPT", "[0, 1]")
        monkeypatch.setenv("IWDS_LOGS__LEVEL", "debug")
        config = load(written(tmp_path)).settings
        assert config.jobs["staff"].guard_limits()[GuardKind.LOCK].cap == 7
        assert config.jobs["staff"].adopt == {0, 1}
        assert config.logs.level == "debug"

    def test_what_is_left_out_of_a_limit_has_the_default_of_its_guard(self, tmp_path: Path) -> None:
        file = written(tmp_path, CONFIG + "    limits: {lock: {floor: 9}}\n")
        limits = load(file).settings.jobs["staff"].guard_limits()
        assert (limits[GuardKind.LOCK].floor, limits[GuardKind.LOCK].ratio, limits[GuardKind.LOCK].cap) == (
            9,
            0.05,
            200,
        )
        assert set(limits) == set(GuardKind)

    def test_an_empty_secret_folder_or_one_that_is_not_there_changes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", "")
        assert password(load(written(tmp_path))) == "from-the-file"


class TestWhereTheFileIs:
    def test_as_named_then_from_the_environment_then_here(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = written(tmp_path)
        monkeypatch.chdir(tmp_path)
        assert configuration.find(None) == Path("config.yaml")
        monkeypatch.setenv("IWDS_CONFIG", "/elsewhere.yaml")
        assert configuration.find(None) == Path("/elsewhere.yaml")
        assert configuration.find(file) == file

    def test_without_any_the_advice_is_to_write_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if Path("/etc/iwds/config.yaml").exists():
            pytest.skip("this machine has a configuration of its own")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigurationError, match="no configuration") as caught:
            load()
        assert "iwds init" in caught.value.advice

    def test_one_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        error = refused(tmp_path / "missing.yaml")
        assert error.file == str(tmp_path / "missing.yaml")


class TestReferences:
    def test_a_file_is_relative_to_the_configuration_and_loses_its_last_line_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "secret").write_text("s3cret \n")
        (tmp_path / "secret").chmod(0o600)
        monkeypatch.chdir("/")
        config = load(written(tmp_path, changed("from-the-file", "${file:secret}")))
        assert password(config) == "s3cret "
        assert config.warnings == ()

    def test_a_variable_is_taken_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THE_PASSWORD", "s3cret")
        assert password(load(written(tmp_path, changed("from-the-file", "${env:THE_PASSWORD}")))) == "s3cret"

    @pytest.mark.parametrize("reference", ["${file:nowhere}", "${env:NOT_SET_ANYWHERE}"])
    def test_a_missing_one_is_an_error_that_names_it_and_its_line(self, tmp_path: Path, reference: str) -> None:
        file = written(tmp_path, changed("from-the-file", reference))
        error = refused(file)
        assert reference in error.message
        assert (error.file, error.line) == (str(file), 7)

    def test_a_file_that_is_not_text_is_an_error_without_its_content(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"\xff\xfehidden")
        error = refused(written(tmp_path, changed("from-the-file", "${file:secret}")))
        assert "UTF-8" in error.message
        assert "hidden" not in error.message


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("old", "new", "line", "words"),
        [
            ("state:", "stat:", 1, 'unknown key "stat" (did you mean "state"?)'),
            ("    mapping:", "    maping:", 18, 'unknown key "maping" (did you mean "mapping"?)'),
        ],
    )
    def test_of_the_configuration_and_of_a_job_are_refused_with_their_line(
        self, tmp_path: Path, old: str, new: str, line: int, words: str
    ) -> None:
        file = written(tmp_path, changed(old, new))
        message = refused(file).message
        assert f"{file}:{line}: " in message
        assert words in message

    @pytest.mark.parametrize(
        ("old", "new", "line", "words"),
        [
            ("    urls:", "    ulrs:", 5, 'unknown key "ulrs" (did you mean "urls"?)'),
            ("    service_id:", "    serviceid:", 13, 'unknown key "serviceid" (did you mean "service_id"?)'),
            ("kind: ldap", "kind: ldpa", 4, '"ldpa" is no kind of source (did you mean "ldap"?)'),
            ("kind: provisioning", "kind: provision", 11, '"provision" is no kind of target'),
            ("sources: [corp-ad]", "sources: [corp]", 17, 'there is no source "corp" (did you mean "corp-ad"?)'),
            ("target: mfa", "target: mfi", 19, 'there is no target "mfi" (did you mean "mfa"?)'),
        ],
    )
    def test_of_a_source_or_target_and_names_of_neither_are_refused_with_their_line(
        self, tmp_path: Path, old: str, new: str, line: int, words: str
    ) -> None:
        file = written(tmp_path, changed(old, new))
        with Wiring(load(file)) as wiring, pytest.raises(ConfigurationError) as caught:
            wiring.job("staff")
        assert f"{file}:{line}: " in caught.value.message
        assert words in caught.value.message

    @pytest.mark.parametrize(
        ("variable", "value", "said"),
        [
            ("IWDS_FOO", "1", 'IWDS_FOO: unknown key "foo"'),
            ("IWDS_TARGETZ__MFA__URL", "x", 'IWDS_TARGETZ__MFA__URL: unknown key "targetz" (did you mean "targets"?)'),
            ("IWDS_JOBS__STAFF__MAPPIN", "x", "IWDS_JOBS__STAFF__MAPPIN: jobs.staff: unknown key"),
            ("IWDS_LEASE_S", "1", "IWDS_LEASE_S: lease_s: "),
        ],
    )
    def test_from_a_variable_name_it_and_not_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
    ) -> None:
        monkeypatch.setenv(variable, value)
        error = refused(written(tmp_path))
        assert error.message.startswith(said)
        assert ".yaml" not in error.message

    def test_from_a_file_of_secrets_name_that_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "credentials"
        folder.mkdir()
        (folder / "jobs__staff__mappin").write_text("x")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        assert refused(written(tmp_path)).message.startswith(f"{folder}/jobs__staff__mappin: jobs.staff: unknown key")

    def test_from_the_environment_are_refused_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IWDS_JOBS__STAFF__MAPPIN", "x")
        assert 'unknown key "mappin" (did you mean "mapping"?)' in refused(written(tmp_path)).message

    def test_below_a_value_that_is_no_section_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IWDS_STATE__URL", "x")
        assert "IWDS_STATE__URL" in refused(written(tmp_path)).message

    def test_a_job_that_is_not_there_names_the_nearest(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match='did you mean "staff"'):
            load(written(tmp_path)).job("staf")


class TestSecrets:
    def test_a_file_with_one_that_everybody_can_read_gets_a_warning(self, tmp_path: Path) -> None:
        file = written(tmp_path)
        file.chmod(0o644)
        (warning,) = load(file).warnings
        assert f"chmod 600 {file}" in warning

    def test_a_file_without_one_may_be_read_by_everybody(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("x")
        (tmp_path / "secret").chmod(0o600)
        file = written(tmp_path, changed("from-the-file", "${file:secret}"))
        file.chmod(0o644)
        assert load(file).warnings == ()

    def test_a_referred_file_that_everybody_can_read_gets_a_warning(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("x")
        (tmp_path / "secret").chmod(0o644)
        (warning,) = load(written(tmp_path, changed("from-the-file", "${file:secret}"))).warnings
        assert f"chmod 600 {tmp_path / 'secret'}" in warning

    def test_never_stand_in_a_message(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A password where a mapping was expected, one among wrong keys, and one that came from outside."""
        monkeypatch.setenv("IWDS_JOBS__STAFF__MODE", "hunter2")
        wrong = changed("kind: ldap", "kind: ldap\n    page_size: hunter2").replace("urls:", "ulrs:", 1)
        file = written(tmp_path, wrong.replace("from-the-file", "hunter2", 1))
        assert "hunter2" not in refused(file).message
        monkeypatch.delenv("IWDS_JOBS__STAFF__MODE")
        with Wiring(load(file)) as wiring, pytest.raises(ConfigurationError) as caught:
            wiring.job("staff")
        assert "hunter2" not in caught.value.message

    def test_are_left_out_of_what_is_stored(self, tmp_path: Path) -> None:
        config = load(written(tmp_path))
        text = config.effective("staff")
        assert "from-the-file" not in text
        assert json.loads(text)["sources"]["corp-ad"]["password"] == "…"
        assert json.loads(text)["target"]["mfa"]["service_id"] == 10408

    def test_are_found_at_any_depth_and_in_lists(self) -> None:
        data = {"a": [{"bind_password": "x", "dn": "cn=a"}], "tokens": ["x", "y"], "client_secret": "x"}
        assert without_secrets(data) == {
            "a": [{"bind_password": "…", "dn": "cn=a"}],
            "tokens": "…",
            "client_secret": "…",
        }


class TestDigest:
    """It changes exactly with what can take somebody's access away."""

    @staticmethod
    def of(file: Path) -> str:
        with Wiring(load(file)) as wiring:
            return wiring.job("staff").digest

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("from-the-file", "another-password"),
            ("target: mfa", "target: mfa\n    mode: report"),
            ("target: mfa", "target: mfa\n    limits: {lock: {cap: 1}}"),
            ("state: sqlite:///iwds.db", "state: sqlite:///other.db\nlogs: {level: debug}"),
            ("provisioning_id: 20", "provisioning_id: 20\n    delay_ms: 100"),
            ("url: https://mfa.example/v2", "url: https://mfa2.example/v2"),
            ("kind: ldap", "kind: ldap\n    page_size: 50\n    timeout_s: 9"),
        ],
    )
    def test_it_stays_where_nobody_can_lose_anything(self, tmp_path: Path, old: str, new: str) -> None:
        before = self.of(written(tmp_path))
        assert self.of(written(tmp_path, changed(old, new))) == before

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("ou=people,dc=example", "ou=staff,dc=example"),
            ("ldaps://one.example", "ldaps://two.example"),
            ("target: mfa", "target: mfa\n    leavers: delete"),
            ("target: mfa", "target: mfa\n    leavers: lock-then-delete\n    delete_after: 30d"),
            ("target: mfa", "target: mfa\n    adopt: [0]"),
            ("provisioning_id: 20", "provisioning_id: 21"),
        ],
    )
    def test_it_changes_with_sources_policy_and_ownership(self, tmp_path: Path, old: str, new: str) -> None:
        before = self.of(written(tmp_path))
        assert self.of(written(tmp_path, changed(old, new))) != before

    def test_it_changes_with_the_length_of_the_grace(self, tmp_path: Path) -> None:
        waits = "target: mfa\n    leavers: lock-then-delete\n    delete_after: "
        before = self.of(written(tmp_path, changed("target: mfa", f"{waits}30d")))
        assert self.of(written(tmp_path, changed("target: mfa", f"{waits}720h"))) == before
        assert self.of(written(tmp_path, changed("target: mfa", f"{waits}29d"))) != before

    def test_it_changes_with_the_mapping_and_not_with_its_comments(self, tmp_path: Path) -> None:
        file = written(tmp_path)
        before = self.of(file)
        (tmp_path / "mapping.yaml").write_text(f"# a comment\n\n{MAPPING}", encoding="utf-8")
        assert self.of(file) == before
        (tmp_path / "mapping.yaml").write_text(f"{MAPPING}exclude: [root]\n", encoding="utf-8")
        assert self.of(file) != before

    def test_another_source_of_the_configuration_does_not_count(self, tmp_path: Path) -> None:
        config = load(written(tmp_path))
        job = config.settings.jobs["staff"]
        sources: dict[str, Mapping[str, Any]] = dict(config.settings.sources)
        alone = digest(job, sources, "rules", 20)
        assert digest(job, {**sources, "other": {"kind": "ldif"}}, "rules", 20) == alone

    @pytest.mark.parametrize(
        ("other", "decides"),
        [
            ({"complete": {"count": 3, "minimum": 2, "not_older_than": "26h", "settle": "1m"}}, False),
            ({"complete": {"sha256": "people.sha256"}, "timeout_s": 9}, False),
            ({"groups": {"path": "m.csv", "complete": {"count": 1}}}, False),
            ({"groups": {"path": "other.csv", "complete": {}}}, True),
            ({"columns": {"count": "Number", "page_size": "Size"}}, True),
            ({"columns": {"minimum": "Least"}}, True),
        ],
    )
    def test_of_a_file_its_proof_does_not_count_and_every_column_does(
        self, tmp_path: Path, other: Mapping[str, Any], decides: bool
    ) -> None:
        job = load(written(tmp_path)).settings.jobs["staff"]
        columns = {"count": "Count", "page_size": "Size"}
        hr = {"kind": "csv", "complete": {}, "groups": {"path": "m.csv", "complete": {}}, "columns": columns}
        before, after = (digest(job, {job.sources[0]: each}, "rules", 20) for each in (hr, {**hr, **other}))

        assert (before != after) is decides


class TestPaths:
    def test_of_mapping_state_and_sources_are_seen_from_the_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ldif = "kind: ldif\n    path: people.ldif\n    realm: here"
        ldap = "kind: ldap\n    urls: [ldaps://one.example]\n    bind_dn: cn=reader\n    password: from-the-file"
        (tmp_path / "people.ldif").write_text("")
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        config = load(written(tmp_path, changed(ldap, ldif)))
        assert config.state_url == f"sqlite:///{tmp_path}/iwds.db"
        with Wiring(config) as wiring:
            (source,) = wiring.job("staff").sources
            assert any(str(tmp_path / "people.ldif") in finding.detail for finding in source.check(frozenset({"uid"})))

    def test_within_a_part_of_a_source_are_seen_from_there_too(self, tmp_path: Path) -> None:
        groups = "groups: {path: export/m.csv, complete: {count: 1}}"
        csv = f"kind: csv\n    path: hr.csv\n    realm: here\n    id: uid\n    {groups}"
        ldap = "kind: ldap\n    urls: [ldaps://one.example]\n    bind_dn: cn=reader\n    password: from-the-file"
        text = re.sub(r"\n    users: .*", "", changed(ldap, csv))
        (tmp_path / "export").mkdir()
        (tmp_path / "hr.csv").write_text("uid\na\n")
        (tmp_path / "export/m.csv").write_text("uid,group\na,vpn\n")

        with Wiring(load(written(tmp_path, text))) as wiring:
            (source,) = wiring.job("staff").sources
            told = [finding.detail for finding in source.check(frozenset({"uid"}))]

        assert any(detail.startswith(f"{tmp_path / 'export/m.csv'}: one row") for detail in told)

    @pytest.mark.parametrize("url", ["sqlite:////var/lib/iwds.db", "sqlite:///", "postgresql+psycopg://db/iwds"])
    def test_other_database_urls_stay_as_they_are(self, tmp_path: Path, url: str) -> None:
        assert load(written(tmp_path, changed("sqlite:///iwds.db", url))).state_url == url


class TestTheExample:
    @pytest.fixture
    def example(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
        monkeypatch.setenv("IWDS_SOURCES__DIRECTORY__PASSWORD", "it comes from outside")
        monkeypatch.setenv("IWDS_SOURCES__CLOUD__CLIENT_SECRET", "so does this")
        file = tmp_path / "config.yaml"
        shutil.copyfile(examples.config(), file)
        for part in ("mappings", "schedules"):
            shutil.copytree(examples.folder() / part, tmp_path / part)
        (tmp_path / "company.ldif").write_text("")
        return load(file)

    def test_every_source_and_target_is_accepted_by_its_own_kind(self, example: Configuration) -> None:
        with Wiring(example) as wiring:
            assert [wiring.source(name).name for name in example.settings.sources] == [
                "company",
                "directory",
                "cloud",
                "hr",
            ]
            assert [str(wiring.target(name).reader.service) for name in example.settings.targets] == ["127.0.0.1#10408"]

    def test_every_job_is_wired_with_its_mapping(self, example: Configuration) -> None:
        with Wiring(example) as wiring:
            for name in example.job_names():
                assert wiring.job(name).rules.attributes
                assert wiring.writer(name) is not None

    def test_every_schedule_names_a_job_of_it(self, example: Configuration) -> None:
        folder = example.path(example.settings.schedules)
        assert len(schedules.load(folder, example.job_names())) == len(list(folder.iterdir()))

    def test_it_holds_no_secret_and_gives_no_warning(self, example: Configuration) -> None:
        assert example.warnings == ()

    def test_what_it_says_about_itself_is_true(self, example: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its first lines promise an override, a reference and a secret file by these very names."""
        monkeypatch.setenv("IWDS_TARGETS__MFA__URL", "https://mfa.example/v2")
        monkeypatch.delenv("IWDS_SOURCES__DIRECTORY__PASSWORD")
        secrets = example.file.parent / "run-secrets"
        secrets.mkdir()
        (secrets / "sources__directory__password").write_text("s3cret\n")
        again = load(example.file).settings
        assert again.targets["mfa"]["url"] == "https://mfa.example/v2"
        assert again.sources["directory"]["password"] == "s3cret"

    def test_its_list_of_guards_is_complete(self) -> None:
        text = examples.config().read_text(encoding="utf-8")
        listed = text.partition("every guard has some:")[2].partition("limits:")[0].replace("#", " ").split()
        assert sorted(listed) == sorted(kind.value for kind in GuardKind)

    def test_its_limit_shows_the_default(self, example: Configuration) -> None:
        plain = settings.JobSettings(sources=("x",), mapping="m", target="t").guard_limits()
        assert example.settings.jobs["company"].guard_limits() == plain


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("leavers: lock-then-delete", "needs delete_after, such as 30d"),
        ("delete_after: 30d", "is only for leavers: lock-then-delete"),
        ("leavers: delete\n    delete_after: 30d", "is only for leavers: lock-then-delete"),
        ("leavers: lock-then-delete\n    delete_after: 30", '"30" is no grace; write it like 12h or 30d'),
        ("leavers: lock-then-delete\n    delete_after: 0d", '"0d" is no grace; write it like 12h or 30d'),
        ("leavers: lock-then-delete\n    delete_after: 99999d", '"99999d" is no grace; write it like 12h or 30d'),
    ],
)
def test_a_grace_stands_where_it_is_needed_and_nowhere_else(tmp_path: Path, policy: str, problem: str) -> None:
    text = changed("target: mfa", f"target: mfa\n    {policy}")
    with pytest.raises(ConfigurationError, match=re.escape(problem)) as caught:
        load(written(tmp_path, text))
    lines = text.splitlines()
    expected = next((n for n, line in enumerate(lines, 1) if "delete_after" in line), None)
    assert f"config.yaml:{expected}:" in str(caught.value) or (expected is None and "config.yaml:" in str(caught.value))


class TestHowLongPlansLive:
    def test_is_three_days_and_ninety_unless_it_is_said(self, tmp_path: Path) -> None:
        told = load(written(tmp_path)).settings
        assert (told.jobs["staff"].plan_valid, told.keep_plans) == (timedelta(hours=72), timedelta(days=90))
        said = CONFIG.replace("target: mfa", "target: mfa\n    plan_valid: 2h").replace(
            "state:", "keep_plans: 30d\nstate:"
        )
        told = load(written(tmp_path, said)).settings
        assert (told.jobs["staff"].plan_valid, told.keep_plans) == (timedelta(hours=2), timedelta(days=30))

    @pytest.mark.parametrize("text", ["0h", "72", "-1h", "3 days", "99999d", '""'])
    def test_is_a_time_that_is_longer_than_none(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r":\d+: jobs.staff.plan_valid"):
            load(written(tmp_path, CONFIG.replace("target: mfa", f"target: mfa\n    plan_valid: {text}")))

    def test_is_not_longer_for_use_than_for_keeping(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="staff: plan_valid is longer than keep_plans"):
            load(written(tmp_path, CONFIG.replace("target: mfa", "target: mfa\n    plan_valid: 91d")))


class TestApprovals:
    def test_are_needed_for_nothing_unless_the_job_says_so(self, tmp_path: Path) -> None:
        assert load(written(tmp_path)).job("staff").approval.rule() == Approval()

    def test_are_a_rule_with_a_duration_and_decide_nothing_about_access(self, tmp_path: Path) -> None:
        rule = "    approval: {needed: removals, two_people_above: 5, stands: 2d}\n"
        job = load(written(tmp_path, CONFIG + rule)).job("staff")
        assert job.approval.rule() == Approval(Needed.REMOVALS, 5, timedelta(days=2))

    @pytest.mark.parametrize("keep", ["0d", "-1d", "soon"])
    def test_and_captures_last_for_some_time(self, tmp_path: Path, keep: str) -> None:
        assert refused(written(tmp_path, f"{CONFIG}    capture: {{keep: {keep}}}\n")).line == CONFIG.count("\n") + 1

    @pytest.mark.parametrize("rule", ["{needed: removal}", "{stands: 0d}", "{stands: soon}", "{two_persons_above: 3}"])
    def test_that_are_written_wrongly_are_refused_with_their_line(self, tmp_path: Path, rule: str) -> None:
        assert refused(written(tmp_path, f"{CONFIG}    approval: {rule}\n")).line == CONFIG.count("\n") + 1

"""Directories that differ from the plain one: what they call an id, a member or an expiry; and several at once."""

from datetime import UTC, datetime
from pathlib import Path

from iwds.core.model import Account
from iwds.mapping import load
from iwds.sources.ldap import connect
from tests.servers.company import IDS, write
from tests.servers.slapd import ldap_settings, slapd

NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)


def test_the_password_policy_says_until_when_somebody_may_come(tmp_path: Path) -> None:
    company = write(tmp_path)
    ldif = company.read_text(encoding="utf-8")
    for login, more in (
        ("ada", "pwdEndTime: 20240310120001Z"),
        ("björn", "pwdEndTime: 20240310120000Z"),
        ("chloé", "pwdStartTime: 20240310120001Z"),
        ("dmitri", "pwdAccountLockedTime: 20240310110000Z"),
    ):
        for spelled in (IDS[login], IDS[login].upper()):
            ldif = ldif.replace(f"entryUUID: {spelled}\n", f"entryUUID: {spelled}\n{more}\n")
    company.write_text(ldif, encoding="utf-8")
    file = tmp_path / "mapping.yaml"
    file.write_text("login: uid\nenabled: openldap\n", encoding="utf-8")
    rules = load(file)

    with slapd(tmp_path / "server", company, ["overlay ppolicy"], ["ppolicy"]) as server:
        source = connect("corp", ldap_settings(server))
        made = [rules.map(entry, NOW) for entry in source.read(rules.attributes)]

    assert {each.login: each.enabled for each in made if isinstance(each, Account)} == {
        "ada": True,
        "björn": False,
        "chloé": False,
        "dmitri": True,
    }

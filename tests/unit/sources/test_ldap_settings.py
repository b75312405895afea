"""What a configuration of an ldap source may say; no server is asked here."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from iwds.errors import ConfigurationError
from iwds.sources._ldapsettings import Settings
from iwds.sources.ldap import connect

GOOD: dict[str, Any] = {
    "kind": "ldap",
    "urls": ["ldaps://ldap.example.org"],
    "bind_dn": "cn=reader",
    "password": "s3cret-7391",
    "users": {"base": "ou=people,dc=example,dc=org"},
}

FOLLOW: dict[str, Any] = {"referrals": "follow", "follow": ["ldaps://b.example"], "realm": "all of us"}


def settings(**changes: object) -> Settings:
    """Good settings with some changed; None takes one away."""
    return Settings.model_validate({key: value for key, value in (GOOD | changes).items() if value is not None})


def test_the_defaults_are_the_safe_ones() -> None:
    good = settings()

    assert good.tls_verify
    assert not good.allow_plaintext
    assert good.referrals == "report"
    assert good.id == "entryuuid"
    assert good.groups is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"urls": []}, "at least 1 item"),
        ({"urls": ["http://x"]}, "ldaps://HOST"),
        ({"urls": ["ldaps://"]}, "ldaps://HOST"),
        ({"urls": ["ldaps://x/dc=example"]}, "ldaps://HOST"),
        ({"urls": ["ldaps://cn=iwds:s3cret@ldap.example.org"]}, "neither name nor password"),
        ({"urls": ["ldap://ldap.example.org"]}, "clear text"),
        ({"urls": ["ldap://192.0.2.1"]}, "clear text"),
        ({"starttls": True}, "encrypted already"),
        ({"bind": "anonymous"}, "has none"),
        ({"bind_dn": None}, "needs a `bind_dn`"),
        ({"password_file": "/x"}, "not both"),
        ({"users": {"base": []}}, "at least 1 item"),
        ({"users": {"base": ["dc=org", "ou=a,DC=org"]}}, "read twice"),
        ({"users": {"base": ["dc=org", "DC=Org"]}}, "read twice"),
        ({"groups": {"base": "ou=g", "nested": "server", "members": "memberUid"}}, "follows `member`"),
        ({"member_of": True, "groups": {"base": "ou=g"}}, "not from both"),
        ({"page_size": 0}, "greater than"),
        ({"changes": "dirsync"}, "is for Active Directory"),
        ({"changes": "usn"}, "is for Active Directory"),
        ({"changes": "syncrepl", "id": "objectGUID"}, "is not for Active Directory"),
        ({"changes": "timestamps", "id": "objectGUID"}, "is not for Active Directory"),
        ({**FOLLOW, "changes": "syncrepl"}, "told by one server"),
        ({"referrals": "follow"}, "needs the URLs"),
        ({"follow": ["ldaps://b.example"]}, "needs the URLs"),
        ({**FOLLOW, "realm": None}, "a `realm` of your own"),
        ({**FOLLOW, "tls_verify": False}, "verified certificate alone"),
        ({**FOLLOW, "follow": ["ldap://127.0.0.1"]}, "verified certificate alone"),
        ({**FOLLOW, "urls": ["ldap://127.0.0.1"]}, "verified certificate alone"),
        ({**FOLLOW, "follow": ["b.example"]}, "ldaps://HOST"),
        ({**FOLLOW, "groups": {"base": "ou=g", "nested": "server"}}, "groups of others would be missing"),
        ({"tls_verfy": False}, "Extra inputs"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        settings(**changes)

    assert "7391" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"urls": ["ldap://127.0.0.1:389", "ldap://localhost", "ldap://[::1]:389"]},
        {"urls": ["ldap://ldap.example.org"], "starttls": True},
        {"urls": ["ldap://ldap.example.org"], "allow_plaintext": True},
        {"urls": ["ldap://ldap.example.org"], "bind": "anonymous", "bind_dn": None, "password": None},
        {"groups": {"base": ["ou=g"], "members": "uniqueMember", "filter": "objectClass=*"}},
        FOLLOW,
        {**FOLLOW, "urls": ["ldap://a.example"], "follow": ["ldap://b.example"], "starttls": True},
        {**FOLLOW, "bind": "anonymous", "bind_dn": None, "password": None, "follow": ["ldap://b.example"]},
    ],
)
def test_what_can_be_meant_is_accepted(changes: dict[str, object]) -> None:
    connect("corp", settings(**changes))


@pytest.mark.parametrize("changes", [{"changes": "none"}, FOLLOW])
def test_what_changed_is_not_told_where_nobody_wants_it_or_several_servers_are_one(changes: dict[str, object]) -> None:
    assert connect("corp", settings(id="objectGUID", **changes)).changes(()) is None


def test_a_password_never_shows_itself() -> None:
    good = settings()

    assert "7391" not in f"{good!r} {good} {good.model_dump_json()} {connect('corp', good)!r}"


def test_a_password_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")

    connect("corp", settings(password=None, password_file=secret))


@pytest.mark.parametrize("password", [None, ""])
def test_a_simple_bind_without_a_password_is_refused(password: str | None) -> None:
    """It would be an anonymous bind that looks like success."""
    with pytest.raises(ConfigurationError, match="no password") as refused:
        connect("corp", settings(password=password))

    assert "IWDS_SOURCES__CORP__PASSWORD" in refused.value.advice


def test_a_password_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        connect("corp", settings(password=None, password_file=tmp_path / "nowhere"))


def test_a_ca_file_that_holds_none_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")

    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        connect("corp", settings(ca_file=empty))


@pytest.mark.parametrize("where", ["users", "groups"])
def test_a_filter_that_is_none_is_named(where: str) -> None:
    with pytest.raises(ConfigurationError, match="no search filter"):
        connect("corp", settings(**{where: {"base": "dc=x", "filter": "(&(uid=*)"}}))


def test_importing_the_module_does_not_import_the_library() -> None:
    code = "import sys, iwds.sources.ldap; sys.exit('ldap3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The mappings that are shipped load, and do what their comments say."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from iwds.core.model import Absent, Account, Anchor, Entry, Role, Unmapped
from iwds.core.normal import normalise
from iwds.mapping import load

FOLDER = Path(__file__).parents[3] / "mappings"
FILES = sorted(FOLDER.glob("*.yaml"))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_shipped_mapping_loads_and_excludes_and_protects_somebody(file: Path) -> None:
    rules = load(file)

    assert "admin" in rules.protected
    assert rules.groups
    assert all(name == name.lower() for name in rules.attributes)


def test_the_folder_is_not_empty() -> None:
    assert {file.name for file in FILES} >= {"sample-company.yaml", "openldap.yaml", "active-directory.yaml"}


def person(name: str, groups: tuple[str, ...], **attributes: str) -> Entry:
    """An entry; what is not given is absent, in every mapping."""
    asked = frozenset[str]().union(*(load(file).attributes for file in FILES))
    values = {each: (attributes[each],) if each in attributes else () for each in asked}
    return Entry(Anchor("corp", "1"), name, values, frozenset(groups))


def test_active_directory_makes_an_account_of_a_user() -> None:
    rules = load(FOLDER / "active-directory.yaml")
    jane = person(
        "CN=Jané Doe,OU=IT,OU=Staff,DC=corp,DC=example,DC=com",
        (
            "cn=mfa-users,ou=groups,dc=corp,dc=example,dc=com",
            "cn=mfa-admins,ou=groups,dc=corp,dc=example,dc=com",
            "cn=vpn users,ou=groups,dc=corp,dc=example,dc=com",
        ),
        samaccountname="JDoe",
        givenname="Jané",
        displayname="Jané Doe",
        userprincipalname="jdoe@corp.example",
        useraccountcontrol="512",
        accountexpires="9223372036854775807",
        department="Human Resources",
    )

    made = rules.map(jane, NOW)

    assert isinstance(made, Account)
    assert normalise(made, jane.name) is made
    assert (made.login, made.firstname, made.name) == ("jdoe", "Jané", "Jané Doe")
    assert (made.mail, made.phone, made.extra) == ("jdoe@corp.example", "", (("department", "HR"),))
    assert (made.role, made.enabled, made.groups) == (Role.ADMINISTRATOR, True, frozenset({"vpn"}))


@pytest.mark.parametrize(
    ("name", "flags", "detail"),
    [
        ("CN=a,CN=Users,DC=corp,DC=example,DC=com", "512", "neither below OU=Staff nor below OU=Partners"),
        ("CN=a,OU=Staff,DC=corp,DC=example,DC=com", "2080", "a trust, not a person"),
        ("CN=a,OU=Staff,DC=corp,DC=example,DC=com", "512", "not in MFA-Users"),
    ],
)
def test_active_directory_says_why_somebody_is_out_of_scope(name: str, flags: str, detail: str) -> None:
    made = load(FOLDER / "active-directory.yaml").map(
        person(name, (), samaccountname="a", useraccountcontrol=flags), NOW
    )

    assert isinstance(made, Unmapped)
    assert made.reason is Absent.OUT_OF_SCOPE
    assert made.detail.startswith(detail)


def test_openldap_makes_an_account_of_an_inetorgperson() -> None:
    jane = person(
        "uid=jdoe,ou=people,dc=example,dc=org",
        ("cn=vpn-users,ou=groups,dc=example,dc=org",),
        uid="jdoe",
        sn="Doe",
        preferredlanguage="fr-FR",
        employeetype="internal",
        shadowexpire="1",
    )

    made = load(FOLDER / "openldap.yaml").map(jane, NOW)

    assert isinstance(made, Account)
    assert (made.login, made.role, made.enabled) == ("jdoe", Role.USER, False)
    assert (made.groups, made.at_creation.language) == (frozenset({"vpn", "wiki"}), "fr")
    assert made.group_roles == (("wiki", "user"),)

"""What `check` says of a tenant."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from iwds.ports import Finding
from iwds.sources._entrasignin import roles
from iwds.sources.entra import EntraSource
from tests.graph.authority import APP
from tests.graph.server import GROUPS_READ, HIDDEN_READ, USERS_READ, GraphServer
from tests.graph.tenant import TENANT, Tenant

Connect = Callable[..., EntraSource]


def said(source: EntraSource, *attributes: str) -> dict[str, list[Finding]]:
    """The findings by what they are about."""
    found: dict[str, list[Finding]] = {}
    for finding in source.check(attributes):
        found.setdefault(finding.what, []).append(finding)
    return found


def details(findings: list[Finding]) -> str:
    return "\n".join(finding.detail for finding in findings)


def test_a_tenant_that_is_well_is_told_with_all_its_numbers(source: Connect, tenant: Tenant) -> None:
    tenant.user("off", accountEnabled=False)
    tenant.user("al_x.org#EXT#", userType="Guest")

    found = said(source(), "surname")

    assert all(finding.ok for findings in found.values() for finding in findings)
    assert TENANT in details(found["connection"])
    assert APP in details(found["connection"])
    assert details(found["permission"]).splitlines() == [
        f"{USERS_READ} works",
        f"{GROUPS_READ} works",
        "the recycle bin is shown",
    ]
    assert details(found["people"]).splitlines() == ["11 read", "1 of them disabled"]
    assert details(found["guests"]) == "1 guests, passed over"
    assert details(found["groups"]) == "1 read"
    assert details(found["attributes"]) == "of 11 people: surname 10"
    assert "ms each" in details(found["latency"])
    assert found["sign-in"][0].warning


@pytest.mark.parametrize("permission", [USERS_READ, GROUPS_READ])
def test_a_permission_that_is_missing_is_a_line_of_its_own(
    source: Connect, graph: GraphServer, permission: str
) -> None:
    graph.granted.discard(permission)

    wrong = [finding for finding in said(source())["permission"] if not finding.ok]

    assert [permission in finding.detail for finding in wrong] == [True]
    assert f"Grant the application permission {permission}" in wrong[0].advice


def test_permissions_to_write_are_named_so_that_they_can_be_taken_away(source: Connect, graph: GraphServer) -> None:
    graph.granted |= {"User.ReadWrite.All", "Directory.ReadWrite.All", "Mail.Send", HIDDEN_READ}

    (finding,) = (each for each in said(source())["permission"] if each.warning)

    assert finding.detail == "may do more than read: Directory.ReadWrite.All, Mail.Send, User.ReadWrite.All"
    assert "once it has" not in finding.advice


def test_a_permission_that_stands_for_others_is_given_up_once_these_are_there(
    source: Connect, graph: GraphServer
) -> None:
    graph.authority.roles = {"Directory.Read.All", USERS_READ}

    (finding,) = (each for each in said(source())["permission"] if each.warning)

    assert finding.detail == "may read more than it takes: Directory.Read.All"
    assert f"once it has {GROUPS_READ}" in finding.advice


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c", "a.bnVsbA.c", "a.eyJyb2xlcyI6MX0.c"])
def test_a_token_that_tells_no_permissions_says_nothing_of_them(token: str) -> None:
    assert roles(token) == frozenset()


def test_a_recycle_bin_that_is_not_shown_is_a_warning(source: Connect, graph: GraphServer) -> None:
    graph.fault("/deletedItems", status=403, code="Authorization_RequestDenied")

    (finding,) = (each for each in said(source())["permission"] if each.warning)

    assert "recycle bin is not shown" in finding.detail


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [("sirname", "surname"), ("signinactivity", ""), ("extensionattribute16", "extensionattribute1")],
)
def test_an_attribute_that_graph_does_not_give_is_refused(
    source: Connect, graph: GraphServer, attribute: str, hint: str
) -> None:
    found = said(source(), attribute)["attributes"]

    (wrong,) = (finding for finding in found if not finding.ok)
    assert wrong.detail.startswith(f"Graph gives no attribute {attribute} of users")
    assert hint in wrong.detail
    assert f"nobody has {attribute}" not in details(found)


def test_an_attribute_that_nobody_has_is_told(source: Connect) -> None:
    assert "nobody has officelocation" in details(said(source(), "officelocation")["attributes"])


def test_people_of_other_tenants_who_are_read_are_warned_about(source: Connect, tenant: Tenant) -> None:
    tenant.user("made_x.org#EXT#", userType="Member")

    (warning,) = (finding for finding in said(source())["guests"] if finding.warning)

    assert "#EXT#" in warning.advice


def test_names_that_several_groups_have_and_groups_that_hide_are_told(source: Connect, tenant: Tenant) -> None:
    for _ in range(2):
        tenant.group("Project")
    tenant.group("Class 7b", visibility="HiddenMembership")

    found = said(source())["groups"]

    assert details(found).splitlines()[0] == "4 read"
    assert "several have one name: Project" in details(found)
    assert any("Member.Read.Hidden" in finding.advice for finding in found)


def test_whoever_comes_with_nothing_but_the_id_is_told(source: Connect, tenant: Tenant) -> None:
    tenant.opaque.add(next(iter(tenant.users)))

    (warning,) = (finding for finding in said(source())["people"] if finding.warning)

    assert warning.detail == "1 come with nothing but their id"


def test_canaries_are_told_whether_they_came(source: Connect, tenant: Tenant) -> None:
    assert details(said(source(canaries=["user1@corp.example"]))["canaries"]) == "the one came"
    wrong = said(source(canaries=["sylvester"]))
    assert "canaries" not in wrong
    assert any("sylvester" in finding.detail and not finding.ok for finding in wrong["proof"])


@pytest.mark.parametrize(("days", "warned"), [(400, False), (10, True)])
def test_the_end_of_the_certificate_is_told(
    source: Connect, graph: GraphServer, tmp_path: Path, days: int, warned: bool
) -> None:
    key, now = rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "iwds reader")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=days, hours=1))
    graph.authority.certificate = ours = builder.sign(key, hashes.SHA256())
    file = tmp_path / "entra.pem"
    file.write_bytes(
        ours.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    file.chmod(0o644)

    found = said(source(certificate=str(file)))

    assert f"CN=iwds reader, valid until {now + timedelta(days=days, hours=1):%Y-%m-%d}, {days} days" in details(
        found["certificate"]
    )
    assert found["certificate"][0].warning is warned
    assert f"others may read {file}" in details(found["secret"])


def test_what_cannot_be_reached_is_the_last_line(source: Connect, graph: GraphServer) -> None:
    graph.fault("/users?", status=503, times=99)

    *_, last = source().check(())

    assert (last.ok, last.what, last.exit_code) == (False, "connection", 75)

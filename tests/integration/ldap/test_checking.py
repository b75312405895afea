"""What `check` sees of a real directory, and that its commands find what our own searches find."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from iwds.demo.slapd import PrivateSlapd
from iwds.ports import Finding
from iwds.sandbox.certificates import Authority
from iwds.sources.ldap import connect
from tests.contract.source_contract import consume
from tests.servers.company import GROUP_BASE, PEOPLE, SUFFIX, write
from tests.servers.slapd import ldap_settings, slapd


def looked(server: PrivateSlapd, *attributes: str, **changes: object) -> list[Finding]:
    """All findings; none is a failure."""
    found = list(connect("corp", ldap_settings(server, **changes)).check(attributes))
    assert [each for each in found if not each.ok] == []
    return found


def details(found: Sequence[Finding], what: str) -> list[str]:
    return [each.detail for each in found if each.what == what]


def test_the_server_says_who_it_is_and_what_it_can(server: PrivateSlapd) -> None:
    found = looked(server, "uid")

    assert details(found, "server") == [f"OpenLDAP; {server.tls_url} answered"]
    (controls,) = details(found, "controls")
    assert controls.startswith("paging, ")
    assert " others" in controls
    assert any(SUFFIX in each for each in details(found, "directory"))


def test_people_and_groups_are_counted_below_each_base(server: PrivateSlapd) -> None:
    bases = {"base": [f"ou=people,{SUFFIX}", f"ou=branches,{SUFFIX}", f"ou=unix,{SUFFIX}"]}
    found = looked(server, "uid", users=bases, referrals="ignore")
    empty = [each for each in found if each.what == "people" and each.warning]

    assert details(found, "people")[:2] == [f"{len(PEOPLE)} below ou=people,{SUFFIX}", f"1 below ou=branches,{SUFFIX}"]
    assert [each.detail for each in empty] == [f"0 below ou=unix,{SUFFIX}"]
    assert len(details(found, "groups")) == 1
    assert details(found, "groups")[0].endswith(f" below {GROUP_BASE}")
    assert not details(found, "groups")[0].startswith("0 ")


def test_the_limits_are_those_of_the_server(tmp_path: Path) -> None:
    limits = ['limits dn.exact="{reader}" size.soft=2 size.hard=2 size.pr=3 size.prtotal=unlimited']
    with slapd(tmp_path / "server", write(tmp_path), limits) as strict:
        within = details(looked(strict, page_size=3), "limits")
        (refused,) = [
            each
            for each in connect("corp", ldap_settings(strict, page_size=4)).check(())
            if each.what == "limits" and each.warning
        ]

    assert within == ["pages of 3 are accepted", "without pages 2 entries come and no more, by the server's size limit"]
    assert refused.detail.startswith("pages of 4 are refused: 11 adminLimitExceeded")
    assert "`page_size`" in refused.advice


def test_without_a_limit_that_is_said(server: PrivateSlapd) -> None:
    said = details(looked(server), "limits")

    assert said == ["pages of 2 are accepted", f"without pages {len(PEOPLE)} entries came, and no size limit was met"]


@pytest.mark.parametrize("decoder", ["own", "ldap3"])
def test_what_nobody_has_may_not_be_read_or_does_not_exist_is_told_apart(tmp_path: Path, decoder: str) -> None:
    hidden = "access to attrs=mail by * none"
    with slapd(tmp_path / "server", write(tmp_path)) as own:
        own.stop()
        file = own.directory / "slapd.conf"
        file.write_text(file.read_text().replace("access to * by * read", f"{hidden}\naccess to * by * read"))
        own.start()
        found = looked(own, "uid", "mail", "pager", "mial", decoder=decoder)

    had, *_ = details(found, "attributes")
    said = {each.detail.split(",")[0]: each.warning for each in found if each.what == "attributes" and each.advice}
    assert had == f"of {len(PEOPLE)} people: mail 0, mial 0, pager 0, uid {len(PEOPLE)}"
    assert said == {
        "the account may not read mail of anybody": True,
        "nobody has pager": True,
        "the server knows no attribute mial": True,
    }


def test_a_server_without_a_password_policy_is_told_once_and_whose_wish_it_is(server: PrivateSlapd) -> None:
    asked = ("pwdaccountlockedtime", "pwdendtime", "pwdstarttime")
    (told,) = [each for each in looked(server, "uid", *asked) if each.what == "attributes" and each.advice]

    assert told.detail.startswith(f"the server has no schema for {', '.join(asked)}")
    assert "`enabled: openldap`" in told.advice


def test_canaries_that_came_are_said(server: PrivateSlapd) -> None:
    assert details(looked(server, canaries=["ada", "björn"]), "canaries") == ["all 2 came"]
    (missing,) = [each for each in connect("corp", ldap_settings(server, canaries=["nobody"])).check(()) if not each.ok]
    assert "canary" in missing.detail


def pasted(words: Sequence[str], password: str) -> int:
    """How many entries a printed command finds; the password is given in a file instead of typed."""
    line = " ".join(words)
    assert password not in line
    ran = subprocess.run(
        ["sh", "-c", line.replace(" -W ", ' -y "$SECRET" ')],
        env={"PATH": "/usr/bin:/bin", "SECRET": password}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return sum(line.startswith("dn:") for line in ran.stdout.splitlines())


@pytest.mark.parametrize("way", ["ldaps", "starttls", "plain", "anonymous", "unverified"])
def test_the_printed_commands_find_as_many(server: PrivateSlapd, tmp_path: Path, way: str) -> None:
    changes: dict[str, object] = {
        "ldaps": {},
        "starttls": {"urls": [server.url], "starttls": True},
        "plain": {"urls": [server.url]},
        "anonymous": {"bind": "anonymous", "bind_dn": None, "password": None},
        "unverified": {"tls_verify": False, "ca_file": None},
    }[way]  # type: ignore[assignment]
    secret = tmp_path / "it's a secret"
    secret.write_text(server.reader_password)
    users = {"base": f"ou=people,{SUFFIX}", "filter": "(&(objectClass=inetOrgPerson)(!(cn=a*b$HOME`'\"\\28)))"}
    found = looked(server, "uid", "mail", users=users, **changes)
    groups = int(details(found, "groups")[0].split()[0])

    counts = {each.detail: pasted(each.command, str(secret)) for each in found if each.command}

    assert counts == {
        "the root entry": 1,
        f"groups below {GROUP_BASE}": groups,
        f"people below ou=people,{SUFFIX}": len(PEOPLE),
    }
    assert server.reader_password not in json.dumps([each.command for each in found])


@pytest.mark.parametrize("kind", ["pem", "p12"])
def test_the_commands_work_with_a_certificate_too(own_server: PrivateSlapd, tmp_path: Path, kind: str) -> None:
    authority, tls = Authority("clients"), own_server.ca_file.parent
    certificate, key = authority.client("sync", "sync")
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tls / "both.pem").write_bytes(own_server.ca_file.read_bytes() + authority.pem)
    file = tmp_path / f"our own.{kind}"
    protected = BestAvailableEncryption(b"open")
    file.write_bytes(
        certificate.public_bytes(Encoding.PEM) + secret
        if kind == "pem"
        else pkcs12.serialize_key_and_certificates(b"iwds", key, certificate, None, protected)
    )
    own_server.stop()
    conf = own_server.directory / "slapd.conf"
    lines = f'TLSVerifyClient demand\nauthz-regexp "cn=sync,ou=sync" "{own_server.reader_dn}"\n'
    conf.write_text(lines + conf.read_text().replace("/ca.pem", "/both.pem"))
    own_server.start()
    password = {"certificate_password": "open"} if kind == "p12" else {}

    found = looked(own_server, "uid", bind="external", bind_dn=None, password=None, certificate=file, **password)
    if kind == "p12":
        (make,) = [each.advice for each in found if each.what == "certificate" and each.advice]
        subprocess.run(["sh", "-c", make.replace("-nodes", "-nodes -passin pass:open")], check=True, timeout=30)

    assert f"knows as dn:{own_server.reader_dn}" in details(found, "connection")[0]
    assert details(found, "certificate")[0].startswith("CN=sync,OU=sync, valid until ")
    people = [each for each in found if each.command and each.detail.startswith("people")]
    assert [pasted(each.command, "no password") for each in people] == [len(PEOPLE)]


def test_a_check_finds_what_a_reading_finds(server: PrivateSlapd) -> None:
    source = connect("corp", ldap_settings(server))

    found = list(source.check(("uid",)))

    assert details(found, "people")[-1] == f"{consume(source)[1].count} read"
    commands = [" ".join(each.command) for each in found if each.command][1:]
    assert consume(connect("corp", ldap_settings(server)), ("uid",))[1].asked.splitlines() == commands

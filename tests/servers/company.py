"""A small invented company, as LDIF that slapadd and the ldif source both read."""

from pathlib import Path

SUFFIX = "dc=example,dc=org"
REALM = "11111111-0000-4000-8000-000000000001"
TRAILER = "# end of file: {count} entries"
IDS = {
    "ada": "aaaaaaaa-0000-4000-8000-000000000001",
    "björn": "aaaaaaaa-0000-4000-8000-000000000002",
    "chloé": "aaaaaaaa-0000-4000-8000-000000000003",
    "dmitri": "aaaaaaaa-0000-4000-8000-000000000004",
    "eve": "aaaaaaaa-0000-4000-8000-000000000005",
}
GROUP_BASE = f"ou=groups,{SUFFIX}"
GROUPS: dict[str, frozenset[str]] = {
    # all is in a cycle with staff; staff holds developers; eve stands outside of the people's branch
    "ada": frozenset(f"cn={name},{GROUP_BASE}" for name in ("developers", "staff", "all")),
    "björn": frozenset(f"cn={name},{GROUP_BASE}" for name in ("staff", "all")),
    "chloé": frozenset({rf"cn=a\, b,{GROUP_BASE}"}),
    "dmitri": frozenset(),
    "eve": frozenset(f"cn={name},{GROUP_BASE}" for name in ("staff", "all")),
}
PEOPLE = ("ada", "björn", "chloé", "dmitri")
"""Those who are in the people's branch and of the people's class."""

LDIF = f"""\
dn: {SUFFIX}
objectClass: domain
dc: example
entryUUID: {REALM}

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

dn: ou=former,{SUFFIX}
objectClass: organizationalUnit
ou: former

dn: {GROUP_BASE}
objectClass: organizationalUnit
ou: groups

# comments, folded
  ones too, are skipped
dn: uid=ada,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
mail: ada@example.org
mail: countess@example.org
entryUUID: {IDS["ada"]}

dn:: dWlkPWJqw7ZybixvdT1wZW9wbGUsZGM9ZXhhbXBsZSxkYz1vcmc=
objectClass: inetOrgPerson
uid:: YmrDtnJu
cn: Bjoern Borg
sn: Borg
entryUUID: {IDS["björn"].upper()}

dn: uid=chlo\\C3\\A9,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid:: Y2hsb8Op
cn:: Q2hsb8OpIETDqW9u
sn:: RMOpb24=
description: a long line that is folded by
  the export
mail: chloe@example.org
entryUUID: {IDS["chloé"]}

dn: uid=dmitri,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: dmitri
cn: Dmitri
sn: Mendeleev
entryUUID: {IDS["dmitri"]}

dn: uid=eve,ou=former,{SUFFIX}
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: Evans
entryUUID: {IDS["eve"]}

dn: cn=developers,{GROUP_BASE}
objectClass: groupOfNames
cn: developers
member: UID=Ada, OU=People, DC=Example, DC=Org

dn: cn=staff,{GROUP_BASE}
objectClass: groupOfNames
cn: staff
member: cn=developers,{GROUP_BASE}
member: cn=all,{GROUP_BASE}
member:: dWlkPWJqw7ZybixvdT1wZW9wbGUsZGM9ZXhhbXBsZSxkYz1vcmc=
member: uid=eve,ou=former,{SUFFIX}

dn: cn=all,{GROUP_BASE}
objectClass: groupOfNames
cn: all
member: cn=staff,{GROUP_BASE}

dn: cn=a\\, b,{GROUP_BASE}
objectClass: groupOfNames
cn: a, b
member: uid=chlo\\C3\\A9,ou=people,{SUFFIX}
member: uid=nobody,ou=people,{SUFFIX}

dn: cn=printers,{GROUP_BASE}
objectClass: groupOfNames
cn: printers
member: cn=nothing,{GROUP_BASE}

"""


def write(directory: Path, trailer: bool = True) -> Path:
    """The company as a file, with its trailer unless told otherwise."""
    path = directory / "company.ldif"
    records = 1 + LDIF.count("\ndn:")
    path.write_text(LDIF + (TRAILER.format(count=records) + "\n" if trailer else ""), encoding="utf-8")
    return path

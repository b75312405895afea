"""The sample company `corp.example`: about 1,200 invented people, as a directory would hold them.

The shipped `company.ldif` is what `company()` generates: without a random number, so that it is the same for ever and
everywhere. `write_company(company(), SHIPPED)` makes it anew after a change here. It holds what real directories hold:
names in many scripts, contractors, disabled and expired accounts, service accounts, nested groups with a cycle, logins
that collide or that the service cannot hold, and someone without mail.

It loads into slapd with the schemas core, cosine, inetorgperson and nis.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

from iwds.demo.ldif import Record, parse, render
from iwds.demo.names import CULTURES, Spelling, latin

SHIPPED = Path(__file__).with_name("company.ldif")
BASE = "dc=corp,dc=example"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
SERVICES = f"ou=services,{BASE}"

# Days since 1970, as shadowExpire counts them.
DISABLED = 1  # 1970-01-02: what `usermod --expiredate 1` writes to disable somebody
CONTRACT_ENDED = 19_000  # 2022-01-08
CONTRACT_RUNS = 47_482  # 2100-01-01

T = TypeVar("T")

_OFFICES = {
    "paris": ("french", "french", "french", "arabic", "vietnamese", "hebrew"),
    "lyon": ("french", "french", "polish", "arabic", "turkish"),
    "london": ("english", "english", "hindi", "greek"),
    "berlin": ("german", "german", "polish", "cyrillic", "turkish"),
    "tokyo": ("japanese", "japanese", "korean", "chinese", "thai"),
    "contractors": ("hindi", "cyrillic", "english", "chinese", "french", "greek"),
}
_HEADS = {"paris": 300, "lyon": 180, "london": 220, "berlin": 150, "tokyo": 130, "contractors": 180}
_DEPARTMENTS = ("IT", "FIN", "HR", "SALES", "SALES", "R-D", "R-D", "OPS", "OPS", "LEGAL")


@dataclass(frozen=True, slots=True)
class Hire:
    """One invented person before they become an entry; `number` is what their entryUUID is made of."""

    number: int
    uid: str
    first: str
    last: str
    office: str
    department: str
    language: str = "en"
    kind: str = "internal"
    mail: str = ""
    shadow_expire: int | None = None

    @property
    def dn(self) -> str:
        """Where the entry is in the directory."""
        return f"uid={self.uid},ou={self.office},{PEOPLE}"


# Those who play a part in the demo. Their departments and groups are theirs whatever the rest of the company does.
RENAMED = Hire(1, "claire.martin", "Claire", "Martin", "paris", "LEGAL", "fr", mail="claire.martin@corp.example")
MOVER = Hire(2, "ines.garcia", "Inés", "García", "paris", "FIN", "fr", mail="ines.garcia@corp.example")
LEAVER = Hire(3, "tomas.novak", "Tomáš", "Novák", "berlin", "SALES", "en", mail="tomas.novak@corp.example")
PROMOTED = Hire(4, "kenji.mori", "健二", "森", "tokyo", "IT", "ja", mail="kenji.mori@corp.example")
CORRECTED = Hire(5, "olga.ivanova", "Ольга", "Иванова", "berlin", "HR", "ru", mail="olga.ivanova@corp.example")
JOINER = Hire(5000, "amara.okafor", "Amara", "Ọkáfọ̀", "lyon", "R-D", "en", mail="amara.okafor@corp.example")

_CAST = (
    RENAMED,
    MOVER,
    LEAVER,
    PROMOTED,
    CORRECTED,
    # One login for the service, two people: the directory tells the two apart by their place in the tree alone.
    Hire(6, "J.Smith", "Jane", "Smith", "london", "SALES", mail="jane.smith@corp.example"),
    Hire(7, "j.smith", "John", "Smith", "contractors", "OPS", kind="contractor", mail="john.smith@corp.example"),
    # No login of the service may hold an apostrophe.
    Hire(8, "o'neill", "Seán", "O'Neill", "london", "FIN", mail="sean.oneill@corp.example"),
    # Without mail.
    Hire(9, "marcel.petit", "Marcel", "Petit", "lyon", "OPS", "fr"),
    # Decomposed, as some systems store it, and with a typographic apostrophe, as some keyboards write it.
    Hire(10, "zoe.noel", "Zoe\u0308", "Noe\u0308l", "paris", "HR", "fr", mail="zoe.noel@corp.example"),
    Hire(11, "lea.dangelo", "Léa", "D\u2019Angelo", "lyon", "FIN", "fr", mail="lea.dangelo@corp.example"),
)
# In the tree of people and of the staff, for reasons that nobody remembers: the mapping excludes these.
_MISPLACED = (
    Hire(9001, "svc-backup", "Backup", "Service", "paris", "IT"),
    Hire(9002, "svc-print", "Print", "Service", "paris", "IT"),
    Hire(9003, "meeting-room-1", "Room 1", "Meeting", "london", "OPS"),
)
_MANAGERS, _ADMINS, _RETIRED = 5, 3, 40


def company() -> tuple[Record, ...]:
    """All entries: containers first, then people, service accounts and groups."""
    hires = (*_CAST, *_crowd(), *_MISPLACED)
    people = tuple(map(_person, hires))
    return (*_containers(), *people, *_service_accounts(), *_groups(hires))


def read_company(path: Path = SHIPPED) -> tuple[Record, ...]:
    """The entries of a company file, as shipped or as `write_company` wrote it."""
    return parse(path.read_text(encoding="ascii"))


def write_company(entries: Sequence[Record], path: Path) -> None:
    """Write entries as LDIF, closed by the line `# end of company: N entries` that proves the file complete."""
    path.write_text(f"{render(entries)}# end of company: {len(entries)} entries\n", encoding="ascii")


def a_day(entries: Sequence[Record]) -> tuple[Record, ...]:
    """The company a day later: someone joins, leaves, moves, marries, and is put in charge of MFA."""
    married = replace(RENAMED, uid="claire.dubois", last="Dubois", mail="claire.dubois@corp.example")
    moved = replace(MOVER, department="HR")
    changed = {RENAMED.dn: _person(married), MOVER.dn: _person(moved)}
    stayed = (changed.get(entry.dn, entry) for entry in entries if entry.dn != LEAVER.dn)
    after = [entry for entry in stayed if not _is_group(entry)] + [_person(JOINER)]
    groups = (_membership(entry, {LEAVER.dn: None, RENAMED.dn: married.dn}) for entry in entries if _is_group(entry))
    return (*after, *map(_regrouped, groups))


def a_bad_day(entries: Sequence[Record]) -> tuple[Record, ...]:
    """What a failing directory answers: every other person, and groups that know only those."""
    people = [entry for entry in entries if _is_person(entry)]
    # by fours, so that nobody is lost for an odd number alone
    lost = {entry.dn: None for index, entry in enumerate(people) if index % 4 in {1, 2}}
    left = (entry for entry in entries if entry.dn not in lost)
    return tuple(_membership(entry, lost) if _is_group(entry) else entry for entry in left)


def _crowd() -> Iterator[Hire]:
    """Everyone who plays no part, office by office."""
    taken = {hire.uid.lower() for hire in (*_CAST, JOINER)} | {"claire.dubois"}
    numbers = count(100)
    for office, heads in _HEADS.items():
        for _ in range(heads - sum(hire.office == office for hire in _CAST)):
            yield _settled(_hire(next(numbers), office), taken)
    for _ in range(_RETIRED):
        number = next(numbers)
        hire = _hire(number, _pick(("paris", "lyon", "london"), number, "retired"))
        yield _settled(replace(hire, kind="retired", shadow_expire=None), taken)


def _settled(hire: Hire, taken: set[str]) -> Hire:
    """With a login of their own, the first that nobody has, and a mail address made of it."""
    numbered = chain((hire.uid,), (f"{hire.uid}{number}" for number in range(2, 100)))
    uid = next(each for each in numbered if each not in taken)
    taken.add(uid)
    return replace(hire, uid=uid, mail=f"{uid}@corp.example")


def _hire(number: int, office: str) -> Hire:
    culture = CULTURES[_pick(_OFFICES[office], number, "culture")]
    first, last = _pick(culture.first, number, "first"), _pick(culture.last, number, "last")
    return Hire(
        number,
        _uid(first, last),
        first.native,
        last.native,
        office,
        _pick(_DEPARTMENTS, number, "department"),
        culture.language,
        "contractor" if office == "contractors" else "internal",
        shadow_expire=_shadow_expire(number, office),
    )


def _uid(first: Spelling, last: Spelling) -> str:
    return f"{first.latin}.{last.latin}"


def _shadow_expire(number: int, office: str) -> int | None:
    if number % 41 == 7:
        return DISABLED
    if office == "contractors":
        return CONTRACT_ENDED if number % 13 == 5 else CONTRACT_RUNS
    return None


def _pick(choices: Sequence[T], number: int, what: str) -> T:
    """A choice that depends on nothing but its arguments, in every version of Python."""
    digest = hashlib.sha256(f"{number}/{what}".encode()).digest()
    return choices[int.from_bytes(digest[:4]) % len(choices)]


def _person(hire: Hire) -> Record:
    expire = () if hire.shadow_expire is None else (str(hire.shadow_expire),)
    classes = ("top", "person", "organizationalPerson", "inetOrgPerson", *(("shadowAccount",) if expire else ()))
    attributes: dict[str, tuple[str, ...]] = {
        "objectClass": classes,
        "entryUUID": (_uuid(f"person/{hire.number}"),),
        "uid": (hire.uid,),
        "cn": (f"{hire.first} {hire.last}",),
        "givenName": (hire.first,),
        "sn": (hire.last,),
        "mail": _mails(hire),
        "mobile": (f"+33 6 39 98 {hire.number // 100 % 100:02} {hire.number % 100:02}",) if hire.number % 3 else (),
        "telephoneNumber": (f"+33 1 99 00 {hire.number // 100 % 100:02} {hire.number % 100:02}",),
        "employeeType": (hire.kind,),
        "employeeNumber": (f"{hire.number:06}",),
        "departmentNumber": (hire.department,),
        "preferredLanguage": (hire.language,),
        "shadowExpire": expire,
    }
    return Record(hire.dn, {name: values for name, values in attributes.items() if values})


def _mails(hire: Hire) -> tuple[str, ...]:
    """One address, or none; some have a second one, so that a mapping must choose."""
    second = (f"z{hire.number}@corp.example",) if hire.number % 50 == 3 else ()
    return (hire.mail, *second) if hire.mail else ()


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.corp.example"))


def _containers() -> Iterator[Record]:
    yield Record(
        BASE,
        {
            "objectClass": ("top", "dcObject", "organization"),
            "entryUUID": (_uuid("base"),),
            "o": ("Corp Example",),
            "dc": ("corp",),
        },
    )
    for dn in (PEOPLE, GROUPS, SERVICES, *(f"ou={office},{PEOPLE}" for office in _HEADS)):
        name = latin(dn.partition(",")[0].removeprefix("ou="))
        yield Record(
            dn, {"objectClass": ("top", "organizationalUnit"), "entryUUID": (_uuid(f"ou/{name}"),), "ou": (name,)}
        )


def _service_accounts() -> Iterator[Record]:
    for number, uid in enumerate(("svc-ldap-reader", "svc-monitoring"), 9101):
        hire = Hire(number, uid, "Service", uid, "services", "IT")
        yield replace(_person(hire), dn=f"uid={uid},{SERVICES}")


def _groups(hires: Sequence[Hire]) -> Iterator[Record]:
    working = [hire for hire in hires if hire.kind != "retired"]
    staff = [hire for hire in working if hire.kind == "internal"]
    offices = [office for office in _HEADS if office != "contractors"]
    for office in offices:
        yield _group(f"staff-{office}", [hire.dn for hire in staff if hire.office == office])
    for team in dict.fromkeys(_DEPARTMENTS):
        yield _group(f"team-{team.lower()}", [hire.dn for hire in working if hire.department == team])
    yield _group("staff", [_group_dn(f"staff-{office}") for office in offices])
    yield _group("contractors", [hire.dn for hire in working if hire.kind == "contractor"])
    yield from _service_groups(working)


def _service_groups(working: Sequence[Hire]) -> Iterator[Record]:
    """Groups that the mapping turns into groups and roles of the service."""
    trusted = [hire for hire in working if hire.number > 100 and hire.department == "IT" and _plain_staff(hire)]
    project = [hire.dn for hire in working if _pick((True, *(False,) * 9), hire.number, "project")]
    yield _group("mail-users", [_group_dn("staff"), _group_dn("contractors")])
    yield _group("vpn-users", [_group_dn("team-it"), _group_dn("team-r-d"), *project[::2]])
    yield _group("wiki-users", [_group_dn("project-atlas"), _group_dn("team-hr")])
    yield _group("finance", [hire.dn for hire in working if hire.department == "FIN"])
    # Each is a member of the other: whoever unfolds them must not run in circles.
    yield _group("project-atlas", [_group_dn("project-borealis"), *project[: len(project) // 2]])
    yield _group("project-borealis", [_group_dn("project-atlas"), *project[len(project) // 2 :]])
    yield _group("mfa-managers", [hire.dn for hire in trusted[:_MANAGERS]])
    yield _group("mfa-admins", [hire.dn for hire in trusted[_MANAGERS : _MANAGERS + _ADMINS]])


def _plain_staff(hire: Hire) -> bool:
    return hire.kind == "internal" and hire.shadow_expire is None and hire.number < 5000


def _group_dn(name: str) -> str:
    return f"cn={name},{GROUPS}"


def _group(name: str, members: Sequence[str]) -> Record:
    attributes = {"objectClass": ("top", "groupOfNames"), "entryUUID": (_uuid(f"group/{name}"),), "cn": (name,)}
    return Record(_group_dn(name), {**attributes, "member": tuple(members)})


def _is_person(entry: Record) -> bool:
    return entry.dn.endswith(f",{PEOPLE}") and "uid" in entry.attributes


def _is_group(entry: Record) -> bool:
    return "member" in entry.attributes


def _membership(group: Record, now: Mapping[str, str | None]) -> Record:
    """A group whose members were renamed, or are gone where the new name is None."""
    members = (now.get(member, member) for member in group.attributes["member"])
    return replace(group, attributes={**group.attributes, "member": tuple(each for each in members if each)})


def _regrouped(group: Record) -> Record:
    """The day's changes in groups."""
    leaves = {"finance": {MOVER.dn}, "team-fin": {MOVER.dn}}
    joins = {
        "wiki-users": (MOVER.dn,),
        "mfa-managers": (PROMOTED.dn,),
        "staff-lyon": (JOINER.dn,),
        "team-r-d": (JOINER.dn,),
    }
    (name,) = group.attributes["cn"]
    members = [member for member in group.attributes["member"] if member not in leaves.get(name, ())]
    return replace(group, attributes={**group.attributes, "member": (*members, *joins.get(name, ()))})

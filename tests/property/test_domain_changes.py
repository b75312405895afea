"""Whatever happens in an Active Directory, its feed tells of everybody who is another now, and what they left.

The domain lies in memory and is asked by change numbers. What cannot be told has everybody read, and nothing is taken.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from hypothesis import event, example, given
from hypothesis import strategies as st

from iwds.core.selecting import Filter
from iwds.errors import MarkLost
from iwds.ports import Delta
from iwds.sources._changes_ad import ActiveDirectoryFeed
from iwds.sources._extended import EXTENDED_DN
from iwds.sources._ldapread import AD_ID, Branch, Wishes
from iwds.sources._ldapsettings import Settings
from iwds.sources._search import Page, RawEntry, Search
from tests.unit.sources.ldaptree import Tree

if TYPE_CHECKING:
    from iwds.sources._connection import Session

DOMAIN = "DC=corp,DC=example"
STAFF, FORMER, TEAMS = f"OU=Staff,{DOMAIN}", f"OU=Former,{DOMAIN}", f"OU=Teams,{DOMAIN}"
BIN, SERVER = f"CN=Deleted Objects,{DOMAIN}", "CN=NTDS Settings,CN=dc1"
PERSON, GROUP, PLACE = ["top", "person", "user"], ["top", "group"], ["top", "organizationalUnit"]
WISHES = Wishes(
    users=Branch((STAFF,), "subtree", "(objectClass=user)"),
    id=AD_ID,
    groups=Branch((TEAMS,), "subtree", "(objectClass=group)"),
    members=("member",),
)
SETTINGS = Settings.model_validate(
    {
        "kind": "ldap",
        "urls": ["ldaps://dc1.corp.example"],
        "bind_dn": f"CN=reader,{DOMAIN}",
        "password": "secret",
        "users": {"base": STAFF, "filter": "(objectClass=user)"},
        "groups": {"base": TEAMS, "filter": "(objectClass=group)"},
        "id": "objectGUID",
        "realm": "corp",
        "changes": "usn",
    }
)
Happening = tuple[str, int, int]
DAYS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["join", "leave", "edit", "rename", "move", "delete", "hire", "restore", "place", "team"]),
            st.integers(0, 3),
            st.integers(0, 7),
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=3,
)


@dataclass
class Domain(Tree):
    """A domain with a change counter and a place for what was deleted, and the names that people and groups have.

    Attributes:
        attic: what comes back with whom was deleted: the entry, and the groups that it was in.
    """

    clock: int = 100
    people: dict[int, str] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)
    attic: dict[int, tuple[str, dict[str, list[str]], list[int]]] = field(default_factory=dict)

    def __enter__(self) -> "Domain":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def account(self) -> str:
        return "reader"

    def make(self, dn: str, classes: list[str], **attributes: list[str]) -> None:
        self.entries[dn] = {"objectClass": classes, AD_ID: [str(uuid.uuid5(uuid.NAMESPACE_X500, dn))], **attributes}
        self.entries[dn]["name"] = [dn]
        self.touch(dn)

    def touch(self, dn: str) -> None:
        self.clock += 1
        self.entries[dn]["uSNChanged"] = [str(self.clock)]
        self.entries[""]["highestCommittedUSN"] = [str(self.clock)]

    def key(self, dn: str) -> str:
        return self.entries[dn][AD_ID][0]

    def page(self, search: Search, cookie: bytes) -> Page[RawEntry]:
        answer = super().page(search, cookie)
        kept = [entry for entry in answer.entries if search.deleted or not entry[1].get("isDeleted")]
        if all(name != EXTENDED_DN for name, _ in search.controls):
            return Page(kept, code=answer.code)
        return Page([(self._extended(dn), self._links(values)) for dn, values in kept], code=answer.code)

    def _links(self, values: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
        return {name: list(map(self._extended, held)) if name == "member" else held for name, held in values.items()}

    def _extended(self, raw: bytes) -> bytes:
        return f"<GUID={self.key(raw.decode())}>;{raw.decode()}".encode()

    def _shown(self, dn: str) -> dict[str, list[bytes]]:
        shown = super()._shown(dn)
        binary = {name: shown[name] for name in (AD_ID, "invocationId") if name in shown}
        return shown | {name: [uuid.UUID(value.decode()).bytes_le] for name, (value,) in binary.items()}

    def _holds(self, wanted: Filter, shown: dict[str, list[bytes]]) -> bool | None:
        if wanted.attribute == AD_ID:
            return wanted.texts == tuple(value.decode("latin-1") for value in shown.get(AD_ID, []))
        if wanted.attribute == "member" and wanted.texts != ("", ""):
            return wanted.texts[0].lower() in {value.decode().lower() for value in shown.get("member", [])}
        return super()._holds(wanted, shown)

    def renamed(self, old: str, new: str) -> None:
        """Give an entry and all below it another name; links follow, and show no change."""
        for dn in [dn for dn in self.entries if dn == old or dn.endswith(f",{old}")]:
            self.entries[dn.removesuffix(old) + new] = self.entries.pop(dn)

        def follow(name: str) -> str:
            return name.removesuffix(old) + new if name.endswith(old) else name

        for held in self.entries.values():
            held["member"] = list(map(follow, held.get("member", [])))
        self.people = {number: follow(dn) for number, dn in self.people.items()}
        self.teams = {number: follow(dn) for number, dn in self.teams.items()}
        self.entries[new]["name"] = [new]
        self.touch(new)

    def delete(self, which: int) -> None:
        """Delete a person or, from the fourth number on, a group: links to it go, and show no change."""
        names, number = (self.people, which) if which < 4 else (self.teams, which - 4)
        dn = names.pop(number)
        held = [team for team, name in self.teams.items() if dn in self.entries[name]["member"]]
        for team in held:
            self.entries[self.teams[team]]["member"].remove(dn)
        entry = self.entries.pop(dn)
        self.attic[which] = dn, entry, held
        grave = f"CN={entry[AD_ID][0]},{BIN}"
        kept = {name: entry[name] for name in ("objectClass", AD_ID)}
        self.entries[grave] = {**kept, "isDeleted": ["TRUE"], "name": [grave]}
        self.touch(grave)

    def restore(self, which: int) -> None:
        """Bring it back, with the links that it had."""
        dn, entry, held = self.attic.pop(which)
        del self.entries[f"CN={entry[AD_ID][0]},{BIN}"]
        entry["member"] = [each for each in entry.get("member", []) if each in self.entries]
        self.entries[dn] = entry
        (self.people if which < 4 else self.teams)[which % 4] = dn
        for team in held:
            if team in self.teams:
                self.entries[self.teams[team]]["member"].append(dn)
        self.touch(dn)


def domain() -> Domain:
    tree = Domain()
    tree.entries[""] = {"namingContexts": [DOMAIN], "dsServiceName": [SERVER], "objectClass": ["top"]}
    tree.make(SERVER, ["top"], invocationId=[str(uuid.UUID(int=1))])
    tree.make(DOMAIN, ["top", "domain"])
    for dn in (STAFF, FORMER, TEAMS):
        tree.make(dn, PLACE)
    tree.make(BIN, ["top", "container"], isDeleted=["TRUE"])
    for number in range(4):
        tree.people[number], tree.teams[number] = f"CN=P{number},{STAFF}", f"CN=G{number},{TEAMS}"
        inner = [tree.teams[number - 1]] if number else []
        tree.make(tree.people[number], PERSON)
        tree.make(tree.teams[number], GROUP, member=[*inner, tree.people[number]])
    return tree


def happen(tree: Domain, what: Happening) -> None:
    verb, number, other = what
    who, team = tree.people.get(number), tree.teams.get(number)
    member = tree.people.get(other) if other < 4 else tree.teams.get(other - 4)
    if verb == "hire":
        tree.people[tree.clock] = f"CN=P{tree.clock},{STAFF}"
        tree.make(tree.people[tree.clock], PERSON)
    elif verb in ("join", "leave") and team and member and member != team:
        members = tree.entries[team]["member"]
        if (member in members) is (verb == "leave"):
            tree.entries[team]["member"] = [each for each in [*members, member] if verb == "join" or each != member]
            tree.touch(team)
    elif verb == "edit" and who:
        tree.touch(who)
    elif verb in ("rename", "move") and who:
        tree.renamed(who, f"CN=P{number} {tree.clock},{FORMER if verb == 'move' else STAFF}")
    elif verb == "team" and team:
        tree.renamed(team, f"CN=G{number} {tree.clock},{TEAMS}")
    elif verb == "place" and number == 0:
        tree.renamed(FORMER, f"OU=Old {tree.clock},{DOMAIN}") if FORMER in tree.entries else None
    elif verb == "delete" and member:
        tree.delete(other)
    elif verb == "restore" and other in tree.attic:
        tree.restore(other)


def groups_of(tree: Domain) -> dict[str, frozenset[str]]:
    """Of everybody, by id, all groups."""
    return {tree.key(dn): _above(tree, dn) for dn in tree.people.values()}


def _above(tree: Domain, dn: str) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    while True:
        named = {*found, dn}
        more = frozenset(team for team in tree.teams.values() if not named.isdisjoint(tree.entries[team]["member"]))
        if more <= found:
            return frozenset(each.lower() for each in found)
        found |= more


@given(DAYS)
@example([[("delete", 0, 4)], [("restore", 0, 4)]])
def test_nobody_is_missed_and_nothing_is_left_that_was_not_had(days: Sequence[Sequence[Happening]]) -> None:
    tree = domain()
    feed = ActiveDirectoryFeed(SETTINGS, WISHES, (), lambda: cast("Session", tree))
    mark, members = feed.mark(), dict(feed.members())
    for day in days:
        was, names = groups_of(tree), {tree.key(dn): dn for dn in tree.people.values()}
        teams = set(tree.teams.values())
        for what in day:
            happen(tree, what)
        now = groups_of(tree)
        try:
            delta = feed.since(mark, members.get, 100)
        except MarkLost as lost:
            event(lost.message.partition(" ")[2])
            mark, members = feed.mark(), dict(feed.members())
            continue
        renamed = {tree.key(dn) for dn in tree.people.values() if names.get(tree.key(dn), dn) != dn}
        judge(delta, was, now, renamed)
        # Of a group that was deleted nobody says any more which groups it was in.
        assert teams - set(tree.teams.values()) or all(
            delta.left.get(who, frozenset()) == was[who] - now[who] for who in was.keys() & now.keys()
        )
        mark = delta.mark
        members = {key: held for key, held in {**members, **delta.groups}.items() if held is not None}


def judge(delta: Delta, was: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]], new: set[str]) -> None:
    others = {who for who in was.keys() | now.keys() if was.get(who) != now.get(who)}
    assert not delta.blind
    assert was.keys() - now.keys() <= delta.gone
    assert not delta.gone & now.keys()
    assert others | new <= delta.people | delta.gone
    for who in was.keys() & now.keys():
        left = delta.left.get(who, frozenset())
        event(f"left {len(left)}")
        assert left <= was[who] - now[who]

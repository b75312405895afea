"""Whatever happens in an open directory, its feed tells of everybody who is another now, and of every group they left.

The directory lies in memory; how it is asked for what changed is left out, what is made of the answer is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from hypothesis import event, example, given
from hypothesis import strategies as st

from iwds.ports import Delta
from iwds.sources._changed import Found, Place
from iwds.sources._changes_openldap import OpenLdapFeed
from iwds.sources._ldapread import Branch, Wishes
from tests.unit.sources.ldaptree import GROUPS, PEOPLE, SUFFIX, Tree, csn

if TYPE_CHECKING:
    from iwds.sources._connection import Session

LOG, FORMER = "cn=accesslog", f"ou=former,{SUFFIX}"
NAMES = [f"uid=p{number},{PEOPLE}" for number in range(4)]
TEAMS = [f"cn=g{number},{GROUPS}" for number in range(4)]
WISHES = Wishes(
    users=Branch((PEOPLE,), "subtree", "(objectClass=person)"),
    id="entryuuid",
    groups=Branch((GROUPS,), "subtree", "(objectClass=group)"),
)
Happening = tuple[str, int, int]
DAYS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["join", "leave", "edit", "rename", "silently", "move", "delete", "hire", "none"]),
            st.integers(0, 3),
            st.integers(0, 7),
        ),
        max_size=5,
    ),
    min_size=1,
    max_size=3,
)


@dataclass
class Company(Tree):
    """A directory with a clock and a log of deletions, and the names that people and groups have now."""

    clock: int = 10
    people: dict[int, str] = field(default_factory=lambda: dict(enumerate(NAMES)))
    teams: dict[int, str] = field(default_factory=lambda: dict(enumerate(TEAMS)))

    def __enter__(self) -> "Company":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def account(self) -> str:
        return "reader"

    def touch(self, dn: str) -> None:
        self.clock += 1
        self.entries[dn]["entryCSN"] = [csn(self.clock)]

    def hire(self) -> None:
        self.clock += 1
        number = self.clock
        self.people[number] = f"uid=p{number},{PEOPLE}"
        self.add(self.people[number], number, objectClass="person", entryUUID=f"p{number}")

    def rename(self, number: int, base: str, told: bool) -> None:
        """Give somebody a name that nobody had; their groups name them by it, and show it or not."""
        old, new = self.people[number], f"uid=p{number} {self.clock + 1},{base}"
        self.people[number] = new
        self.entries[new] = self.entries.pop(old)
        self.touch(new)
        for team in [team for team in self.teams.values() if old in self.entries[team]["member"]]:
            values = self.entries[team]["member"]
            self.entries[team]["member"] = [new if value == old else value for value in values]
            if told:
                self.touch(team)

    def delete(self, dn: str) -> None:
        self.clock += 1
        (key,) = self.entries[dn]["entryUUID"]
        shown = {"reqResult": "0", "reqEntryUUID": key, "reqDN": dn}
        self.add(f"reqStart={self.clock},{LOG}", self.clock, self.clock, objectClass="auditDelete", **shown)
        del self.entries[dn]


class Told:
    """What changed, as a directory names it."""

    NAME = "told"

    def now(self, session: object, _: str) -> Place:
        return Place(told={"000": csn(cast("Company", session).clock)})

    def since(self, session: object, context: str, was: Place, found: Found) -> Place:
        tree = cast("Company", session)
        found.after.append(was.newest)
        for dn, values in tree.entries.items():
            if dn.endswith(SUFFIX) and values["entryCSN"][0] > was.newest:
                found.changed(tree.entry(dn, *found.attributes))
        return self.now(session, context)


def company() -> Company:
    tree = Company()
    tree.add("", namingContexts=[SUFFIX, LOG])
    tree.add(LOG, objectClass="auditContainer", minCSN=csn(0))
    for dn in (SUFFIX, PEOPLE, FORMER, GROUPS):
        tree.add(dn)
    for number, dn in enumerate(NAMES):
        tree.add(dn, objectClass="person", entryUUID=f"p{number}")
    for number, dn in enumerate(TEAMS):
        inner = [TEAMS[number - 1]] if number else []
        tree.add(dn, objectClass="group", entryUUID=f"g{number}", member=[*inner, NAMES[number]])
    return tree


def happen(tree: Company, what: Happening) -> None:
    verb, number, other = what
    who, team = tree.people.get(number), tree.teams.get(number)
    member = tree.people.get(other) if other < 4 else tree.teams.get(other - 4)
    if verb == "hire":
        tree.hire()
    elif verb in ("join", "leave") and team and member and member != team:
        members = tree.entries[team]["member"]
        if (member in members) is (verb == "leave"):
            tree.entries[team]["member"] = [each for each in [*members, member] if verb == "join" or each != member]
            tree.touch(team)
    elif verb == "edit" and who:
        tree.touch(who)
    elif verb in ("rename", "silently", "move") and who:
        tree.rename(number, FORMER if verb == "move" else PEOPLE, told=verb != "silently")
    elif verb == "delete" and member:
        tree.delete(member)
        del (tree.people if other < 4 else tree.teams)[other % 4]


def groups_of(tree: Company) -> dict[str, frozenset[str]]:
    """Of everybody, by id, all groups."""
    return {tree.entries[dn]["entryUUID"][0]: _above(tree, dn) for dn in tree.people.values()}


def _above(tree: Company, dn: str) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    while True:
        named = {*found, dn}
        more = frozenset(team for team in tree.teams.values() if not named.isdisjoint(tree.entries[team]["member"]))
        if more <= found:
            return found
        found |= more


@given(DAYS)
@example([[("silently", 0, 0)], [("leave", 0, 0)]])
@example([[("delete", 0, 4)], [("edit", 0, 0)]])
def test_nobody_is_missed_and_nothing_is_left_that_was_not_had(days: Sequence[Sequence[Happening]]) -> None:
    tree = company()
    feed = OpenLdapFeed(Told(), WISHES, "acme", (), lambda: cast("Session", tree))
    mark, members = feed.mark(), dict(feed.members())
    for day in days:
        was, names = groups_of(tree), dict(tree.people)
        for what in day:
            happen(tree, what)

        delta = feed.since(mark, members.get, 100)

        renamed = {f"p{number}" for number, dn in tree.people.items() if names.get(number) != dn}
        judge(delta, was, groups_of(tree), renamed)
        mark = delta.mark
        members = {name: keys for name, keys in {**members, **delta.groups}.items() if keys is not None}
        assert members.keys() == set(tree.teams.values())


def judge(delta: Delta, was: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]], new: set[str]) -> None:
    others = {who for who in was.keys() | now.keys() if was.get(who) != now.get(who)}
    assert was.keys() - now.keys() <= delta.gone
    assert not delta.gone & now.keys()
    assert others | new <= delta.people | delta.gone
    for who in was.keys() & now.keys():
        left = delta.left.get(who, frozenset())
        event(f"left {len(left)}")
        assert left <= was[who] - now[who]
        # Who has another name too is looked at, and what they left waits for a run of everybody.
        assert who in new or left == was[who] - now[who]

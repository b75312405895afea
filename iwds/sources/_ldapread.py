"""Reads people from an open directory: all of them with a proof, or one by id."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, compress
from operator import not_

from iwds.core.dn import normalise_dn
from iwds.core.model import Anchor, Entry, Proof
from iwds.sources._check import differs
from iwds.sources._collecting import seldom
from iwds.sources._decode import Shaped, identity
from iwds.sources._directory import Directory
from iwds.sources._groups import MEMBER_ATTRIBUTES, Groups, Seen, dangling, dn_key, login_key, member_keys, primary_key
from iwds.sources._ranges import Incomplete, all_values
from iwds.sources._search import Asks, Pull, Scope, Search, within
from iwds.sources._stream import Doubts, Tally

_GROUPS_PER_PAGE = 50
"""A page is held as a whole, and one group may name everybody."""
_MEMBER_OF = "memberof"
AD_ID = "objectguid"
SID = "objectsid"
_PRIMARY = "primarygroupid"
_FOREIGN = ",cn=foreignsecurityprincipals,"
"""Where a domain keeps what stands for an account of another one (MS-ADTS 6.1.1.4.10)."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Where to search: bases, scope, filter."""

    bases: tuple[str, ...]
    scope: Scope
    filter: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a source reads, whatever the mapping asks for.

    Attributes:
        id: the attribute that an entry is known by, lower-case.
        groups: where the groups are; None where they are not read.
        members: the attributes that name members, lower-case.
        login: the attribute of people that memberUid values mean, lower-case.
        member_of: whether the people's memberOf says their groups.
        nested_by_server: whether the server says who is in a group through other groups, by a rule that only AD has.
        ignore_references: whether references to other servers are no problem.
    """

    users: Branch
    id: str
    groups: Branch | None = None
    members: tuple[str, ...] = MEMBER_ATTRIBUTES
    login: str = "uid"
    member_of: bool = False
    nested_by_server: bool = False
    page_size: int = 500
    ignore_references: bool = False

    @property
    def primary(self) -> bool:
        """Whether people have a primary group, which does not name them (Active Directory, MS-ADA3 2.120)."""
        return self.id == AD_ID and self.groups is not None

    def user_searches(self, attributes: Collection[str]) -> list[Search]:
        """One search for people per base."""
        return self._searches(self.users, tuple(sorted(self.person_attributes(attributes))))

    def group_searches(self) -> list[Search]:
        """One search for groups per base."""
        found = self._searches(self.groups, self.group_attributes) if self.groups else []
        return [replace(search, page_size=min(search.page_size, _GROUPS_PER_PAGE)) for search in found]

    def nested_searches(self, group: str) -> list[Search]:
        """Who is in one group, people and groups, where the server says so."""
        if not self.nested_by_server:
            return []
        return [within(search, group) for search in (*self.user_searches(()), *self.group_searches())]

    @property
    def group_attributes(self) -> tuple[str, ...]:
        """What is asked of each group."""
        members = () if self.nested_by_server else self.members
        return (*members, SID) if self.primary else members or ("1.1",)

    def person_attributes(self, attributes: Collection[str]) -> set[str]:
        """What is asked of each person: what the mapping needs, and what the source needs itself."""
        own = {self.id}
        if self.member_of:
            own.add(_MEMBER_OF)
        if self.groups and "memberuid" in self.members:
            own.add(self.login)
        if self.primary:
            own |= {SID, _PRIMARY}
        return own | set(attributes)

    def keys(self, person: Shaped, by_login: bool) -> list[str]:
        """The keys by which groups name this person; by login only where any group does so."""
        primary = primary_sid(person) if self.primary else ""
        by_primary = [primary_key(primary)] if primary else []
        return [
            dn_key(person.dn),
            *by_primary,
            *(map(login_key, person.attrs.get(self.login, ())) if by_login else ()),
        ]

    def _searches(self, branch: Branch, attributes: tuple[str, ...]) -> list[Search]:
        return [Search(base, branch.scope, branch.filter, attributes, self.page_size) for base in branch.bases]


@dataclass(slots=True)
class Reading:
    """One reading of all people: groups first, then the people, each with the groups that they are in.

    Attributes:
        groups_read: how many groups came.
    """

    asks: Asks
    directory: Directory
    wishes: Wishes
    tally: Tally
    groups_read: int = 0
    _groups: Groups | None = None
    _foreign: Doubts = field(default_factory=Doubts)
    _seen: Seen = field(default_factory=Seen)
    _has_member_of: bool = False
    _by_login: bool = False

    def entries(self) -> Iterator[Entry]:
        """The people, in the order in which the directory sends them."""
        with seldom:
            yield from self._entries()

    def _entries(self) -> Iterator[Entry]:
        try:
            self._groups = self._read_groups() if self.wishes.groups else None
            for search in self.wishes.user_searches({*self.tally.attributes, *self.tally.canaries.attributes}):
                pull = self._pull(search)
                for page in pull:
                    yield from self._people(page)
                self._conclude(pull, "people")
            self._judge_groups()
        finally:
            self._seen.close()
            if self._groups is not None:
                self._groups.close()

    def _pull(self, search: Search) -> Pull[Shaped]:
        return Pull(self.asks.shaped, search, self.tally.doubts.say, self.wishes.ignore_references)

    def _conclude(self, pull: Pull[Shaped], what: str) -> None:
        if pull.complete:
            self.tally.reasons.append(f"{what}: {pull.reason()}")

    def _read_groups(self) -> Groups | None:
        """The groups; None, which is not known, where a part of them may be missing."""
        groups, before = Groups(), len(self.tally.doubts)
        for search in self.wishes.group_searches():
            pull = self._pull(search)
            for page in pull:
                for group in page:
                    self._add_group(groups, group)
            self._conclude(pull, "groups")
        self.groups_read = len(groups)
        self._fill(groups)
        self.tally.reasons += self._foreign.sentences()
        if len(self.tally.doubts) == before:
            return groups
        groups.close()
        self.tally.doubts.say("nobody's groups are known, because the groups were not read without doubt")
        return None

    def _add_group(self, groups: Groups, group: Shaped) -> None:
        if group.undecodable:
            self.tally.doubts.name("groups with a member that is not text", group.dn)
        self._by_login = self._by_login or bool(group.attrs.get("memberuid"))
        sid = identity(SID, group.attrs.get(SID))
        named = (member_keys(attribute, self._members(group, attribute)) for attribute in self.wishes.members)
        groups.add(group.dn, map(self._noted, chain.from_iterable(named)), sid)

    def _noted(self, member: str) -> str:
        if _FOREIGN in member:
            self._foreign.name("groups: members of other domains are not read here and were passed over", member)
        return member

    def _fill(self, groups: Groups) -> None:
        """Ask the server, where it is to say so, who is in each group; groups too, so that primary groups nest."""
        for number, group in enumerate(groups.names()):
            for search in self.wishes.nested_searches(group):
                for page in self._pull(search):
                    groups.also(number, (dn_key(member.dn) for member in page))

    def _members(self, group: Shaped, attribute: str) -> Sequence[str]:
        """Whom an attribute of a group names: as they came, or range by range where the server sent only a part."""
        if attribute not in group.incomplete:
            return group.attrs.get(attribute, ())
        try:
            return all_values(self.asks, group.dn, attribute)
        except Incomplete as why:
            self.tally.doubts.name("groups of which the server sent only a part of the members", f"{group.dn} ({why})")
        except ValueError:
            self.tally.doubts.name("groups with a member that is not text", group.dn)
        return ()

    def _people(self, page: list[Shaped]) -> list[Entry]:
        """The people of one page; what is wrong with one of them goes into the tally."""
        people = self._first(self._identified(page))
        known, realm = self._known([person for _, person in people]), self.directory.realm
        self._tick_off(people)
        for attribute in self.wishes.person_attributes(self.tally.canaries.attributes) - set(self.tally.attributes):
            for _, person in people:
                person.attrs.pop(attribute, None)
        entries = [
            Entry(Anchor(realm, key), person.dn, person.attrs, groups)
            for (key, person), groups in zip(people, known, strict=True)
        ]
        self.tally.saw(entries)
        return entries

    def _known(self, people: list[Shaped]) -> Sequence[frozenset[str] | None]:
        """The groups of each of these, as far as they are known."""
        if self._groups is not None:
            return self._groups.of([self.wishes.keys(person, self._by_login) for person in people])
        return [member_of(person) if self.wishes.member_of else None for person in people]

    def _tick_off(self, people: list[tuple[str, Shaped]]) -> None:
        canaries = self.tally.canaries
        if canaries.missing():
            for key, person in people:
                canaries.saw(person.dn, key, person.attrs)

    def _identified(self, page: list[Shaped]) -> list[tuple[str, Shaped]]:
        """People with what they are known by; who is known by nothing is a doubt, and left out."""
        found = []
        for person in page:
            if person.undecodable or person.incomplete:
                self._doubt(person)
            if key := identity(self.wishes.id, person.attrs.get(self.wishes.id)):
                found.append((key, person))
            else:
                self.tally.doubts.name(f"people without {self.wishes.id} were left out", person.dn)
        if self.wishes.member_of and not self._has_member_of:
            self._has_member_of = any(person.attrs.get(_MEMBER_OF) for _, person in found)
        return found

    def _doubt(self, person: Shaped) -> None:
        for attribute in person.undecodable:
            self.tally.doubts.name(f"people whose {attribute} is not text", person.dn)
        for attribute in person.incomplete:
            self.tally.doubts.name(f"people of whose {attribute} the server sent only a part", person.dn)

    def _first(self, people: list[tuple[str, Shaped]]) -> list[tuple[str, Shaped]]:
        """Those whose id did not come before; the others are a doubt."""
        new = self._seen.add([key for key, _ in people])
        if all(new):
            return people
        for _, person in compress(people, map(not_, new)):
            self.tally.doubts.name(f"the same {self.wishes.id} twice; the second was left out", person.dn)
        return list(compress(people, new))

    def _judge_groups(self) -> None:
        """Doubt groups that nobody is in: an access rule, or an overlay that came too late, looks just like this."""
        if not self.tally.count:
            return
        if self.wishes.member_of and not self._has_member_of:
            self.tally.doubts.say("not one person has memberOf, so it may be unreadable: nobody's groups are believed")
        if self._groups is None:
            return
        self._name_nobodies(self._groups)
        if not self._groups.have_members():
            self.tally.doubts.say("not one group has a member, so they may be unreadable: nobody's groups are believed")

    def _name_nobodies(self, groups: Groups) -> None:
        """Tell, as no doubt, how many members are nobody: who left and stayed in a group, or is not selected."""
        self.tally.reasons += dangling(groups, passed_over=_FOREIGN if len(self._foreign) else "")


def primary_sid(person: Shaped) -> str:
    """The security identifier of somebody's primary group, which is of their own domain; empty where there is none."""
    own, last = (identity(name, person.attrs.get(name)) for name in (SID, _PRIMARY))
    return f"{own.rpartition('-')[0]}-{last}" if own and last.isdigit() else ""


def recount(asks: Asks, wishes: Wishes, proof: Proof) -> Iterator[str]:
    """What a second question about the same searches, without any attribute, answers differently."""
    doubts: list[str] = []
    people = _count(asks, wishes.user_searches(()), wishes, doubts)
    groups = _count(asks, wishes.group_searches(), wishes, doubts)
    yield from doubts
    for what, read, counted in (("people", proof.count, people), ("groups", int(proof.view.mark), groups)):
        if read != counted:
            yield differs(what, read, counted)


def _count(asks: Asks, searches: Sequence[Search], wishes: Wishes, doubts: list[str]) -> int:
    pulls = [
        Pull(asks.shaped, replace(s, attributes=("1.1",)), doubts.append, wishes.ignore_references) for s in searches
    ]
    return sum(len(page) for pull in pulls for page in pull)


def member_of(person: Shaped) -> frozenset[str] | None:
    """The groups that memberOf says; None where it was not readable."""
    values = person.attrs.get(_MEMBER_OF)
    return None if values is None else frozenset(normalise_dn(value) for value in values)

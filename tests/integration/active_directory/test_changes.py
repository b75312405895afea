"""What a real domain controller says has changed, by DirSync and by its change numbers."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from iwds.errors import MarkLost, SourceUnavailable
from iwds.ports import Delta, Feed
from iwds.sources.ldap import LdapSource, connect
from tests.servers import not_in_ci
from tests.servers.domain import DMITRI, DOMAIN_USERS, GROUP_BASE, READER, STAFF, SUFFIX, add, person
from tests.servers.samba import PrivateSamba, ad_settings, samba

ADMINISTRATOR = "Administrator@corp.example"
ASKED = ("mail", "samaccountname", "useraccountcontrol", "pwdaccountlockedtime")
NUMBERS = count()
MOST = 1000
NOBODY = f"CN=nobody,{GROUP_BASE}"
"""A group without people, which is in all others here so that none of them loses its last member."""
DELETED_OBJECTS = f"CN=Deleted Objects,{SUFFIX}"
READ_MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2"
REPLICATE = "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2"


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSamba]:
    """A domain that all tests here change, each by people and groups of its own."""
    with samba(tmp_path_factory) as running:
        running.modify(add(NOBODY, "objectClass: group", "sAMAccountName: nobody"))
        yield running


@pytest.fixture
def own_domain(own_domain: PrivateSamba) -> PrivateSamba:
    """One that a test has for itself, because it changes rights."""
    own_domain.modify(add(NOBODY, "objectClass: group", "sAMAccountName: nobody"))
    return own_domain


class Kept:
    """What a run keeps of a feed: its mark, and the members."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.mark = feed.mark()
        self.members = dict(feed.members())

    def next(self, most: int = MOST) -> Delta:
        """What changed since the last time."""
        delta = self.feed.since(self.mark, self.members.get, most)
        self.mark = delta.mark or self.mark
        for key, members in delta.groups.items():
            self.members.pop(key, None)
            self.members |= {key: members} if members is not None else {}
        return delta


_opened: list[LdapSource] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes every source of which there was a feed."""
    yield
    while _opened:
        _opened.pop().close()


def feed_of(domain: PrivateSamba, way: str, **changes: Any) -> Feed:
    """The feed of a source that reads all groups but the large one, with some settings changed."""
    groups = {"base": [GROUP_BASE, f"CN=Users,{SUFFIX}"], "filter": "(&(objectClass=group)(!(cn=crowd)))"}
    own = {"bind_dn": ADMINISTRATOR, "changes": way, "page_size": 500, "groups": groups}
    _opened.append(connect("corp", ad_settings(domain, **{**own, **changes})))
    feed = _opened[-1].changes(ASKED)
    assert feed is not None
    return feed


@pytest.fixture(params=["dirsync", pytest.param("usn", marks=not_in_ci("the same by the other way"))])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def keep(changing: PrivateSamba, way: str) -> Callable[..., Kept]:
    """Begins to keep, by one way and with these settings."""
    return lambda **changes: Kept(feed_of(changing, way, **changes))


def hire(domain: PrivateSamba, base: str = STAFF) -> str:
    """Somebody new."""
    number = next(NUMBERS)
    domain.modify(person(f"u{number}", f"New{number} Person", base))
    return f"CN=New{number} Person,{base}"


def form(domain: PrivateSamba, *members: str, base: str = GROUP_BASE) -> str:
    """A new group."""
    dn = f"CN=group{next(NUMBERS)},{base}"
    lines = (f"member: {member}" for member in (NOBODY, *members))
    domain.modify(add(dn, "objectClass: group", f"sAMAccountName: {dn[3:].partition(',')[0]}", *lines))
    return dn


def change(dn: str, *lines: str) -> str:
    return "\n".join((f"dn: {dn}", "changetype: modify", *lines, "", ""))


def join(group: str, member: str) -> str:
    return change(group, "add: member", f"member: {member}")


def leave(group: str, member: str) -> str:
    return change(group, "delete: member", f"member: {member}")


def move(dn: str, rdn: str, base: str) -> str:
    return f"dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {base}\n"


def test_nothing_changed_is_nothing_and_the_mark_holds(keep: Callable[..., Kept]) -> None:
    kept = keep()

    delta = kept.next()

    assert (delta.people, delta.gone, delta.left, delta.groups) == (frozenset(), frozenset(), {}, {})
    assert not delta.blind
    assert kept.next().people == frozenset()


def test_the_created_the_changed_and_the_disabled_are_told_once(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    ann, ben = hire(changing), hire(changing)
    kept = keep()
    cid = hire(changing)
    changing.modify(change(ann, "replace: mail", "mail: ann@corp.example"))
    changing.modify(change(ben, "replace: userAccountControl", "userAccountControl: 514"))

    delta = kept.next()

    assert delta.people == {changing.guid(dn) for dn in (ann, ben, cid)}
    assert not delta.gone
    assert not delta.left
    assert not delta.groups
    assert kept.next().people == frozenset()


def test_by_dirsync_whom_nothing_asked_for_changed_is_not_told(changing: PrivateSamba) -> None:
    ann = hire(changing)
    dirsync, numbers = Kept(feed_of(changing, "dirsync")), Kept(feed_of(changing, "usn"))
    changing.modify(change(ann, "replace: description", "description: tall"))

    assert dirsync.next().people == frozenset()
    assert numbers.next().people == {changing.guid(ann)}


def test_what_the_filter_rests_on_is_looked_at(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann = hire(changing)
    kept = keep(users={"base": STAFF, "filter": "(&(objectClass=user)(!( division=external)))"})
    changing.modify(change(ann, "replace: division", "division: external"))

    assert kept.next().people == {changing.guid(ann)}


def test_the_renamed_and_the_moved_are_told_wherever_they_are_now(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    ann, ben, elsewhere = hire(changing), hire(changing), f"CN=Users,{SUFFIX}"
    group, ids = form(changing, ann, ben), {changing.guid(ann), changing.guid(ben)}
    kept, rdn = keep(), ben.partition(",")[0]
    changing.modify(move(ann, f"{ann.partition(',')[0]} Married", STAFF))
    changing.modify(move(ben, rdn, elsewhere))
    assert kept.next().people == ids
    changing.modify(leave(group, f"{rdn},{elsewhere}"))

    assert kept.next().left == {changing.guid(f"{rdn},{elsewhere}"): {group.lower()}}


def test_the_deleted_are_gone(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann = hire(changing)
    form(changing, ann)
    kept, key = keep(), changing.guid(ann)
    changing.modify(f"dn: {ann}\nchangetype: delete\n")

    delta = kept.next()

    assert delta.gone == {key}
    assert not delta.people
    assert not delta.left
    assert not delta.blind


def test_somebody_new_under_a_name_that_was_deleted_is_another_member(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    ann = hire(changing)
    group = form(changing, ann)
    kept = keep()
    changing.modify(f"dn: {ann}\nchangetype: delete\n")
    changing.modify(person(f"u{next(NUMBERS)}", ann[3:].partition(",")[0], STAFF))
    assert kept.next().people == {changing.guid(ann)}
    changing.modify(join(group, ann))

    delta = kept.next()

    assert changing.guid(ann) in delta.people
    assert not delta.left


def test_who_joins_and_who_leaves_a_group_are_told_and_nobody_else_in_it(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    ann, ben, cid = hire(changing), hire(changing), hire(changing)
    group = form(changing, ann, ben)
    kept = keep()
    changing.modify(leave(group, ann) + join(group, cid))

    delta = kept.next()

    assert delta.people == {changing.guid(ann), changing.guid(cid)}
    assert delta.left == {changing.guid(ann): {group.lower()}}
    assert set(delta.groups) == {changing.guid(group)}
    assert kept.members == dict(kept.feed.members())


def test_whoever_leaves_a_nested_group_leaves_all_above_that_they_are_not_in_otherwise(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    ann = hire(changing)
    inner = form(changing, ann)
    middle = form(changing, inner)
    other = form(changing, middle)
    form(changing, middle, ann)
    kept = keep()
    changing.modify(leave(inner, ann))

    assert kept.next().left == {changing.guid(ann): {inner.lower(), middle.lower(), other.lower()}}


def test_everybody_below_a_group_that_comes_or_goes_is_told(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann, ben = hire(changing), hire(changing)
    inner = form(changing, ben)
    middle = form(changing, ann, inner)
    top = form(changing)
    changing.modify(join(inner, top))
    kept, both = keep(), {changing.guid(ann), changing.guid(ben)}
    changing.modify(join(top, middle))
    assert kept.next().people == both
    changing.modify(leave(top, middle))

    delta = kept.next()

    assert delta.people == both
    assert delta.left[changing.guid(ann)] == {top.lower(), inner.lower()}
    assert delta.left[changing.guid(ben)] == {top.lower()}


def test_a_deleted_group_is_left_by_all_its_people(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann = hire(changing)
    group = form(changing, ann)
    kept, key = keep(), changing.guid(group)
    changing.modify(f"dn: {group}\nchangetype: delete\n")

    delta = kept.next()

    assert delta.people == {changing.guid(ann)}
    assert delta.left == {changing.guid(ann): {group.lower()}}
    assert delta.groups == {key: None}
    assert delta.gone == frozenset()
    assert key not in kept.members


def test_a_group_that_did_not_exist_brings_its_people(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann = hire(changing)
    kept = keep()
    group = form(changing, ann)

    delta = kept.next()

    assert delta.people == {changing.guid(ann)}
    assert set(delta.groups) == {changing.guid(group)}


def test_a_group_that_is_not_read_concerns_nobody(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann = hire(changing)
    group = form(changing, base=STAFF)
    kept = keep()
    changing.modify(join(group, ann))

    delta = kept.next()

    assert changing.guid(ann) not in delta.people
    assert not delta.groups


def test_the_people_of_a_primary_group_are_told_where_that_group_comes_into_another(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    guests, top = f"CN=Domain Guests,CN=Users,{SUFFIX}", form(changing)
    kept, key = keep(), changing.guid(DMITRI)
    changing.modify(join(top, guests))
    assert key in kept.next().people
    changing.modify(leave(top, guests))

    assert kept.next().left[key] == {top.lower()}
    changing.modify(join(top, DOMAIN_USERS))
    with pytest.raises(MarkLost, match="more than 3 people"):
        kept.next(most=3)


def test_another_primary_group_is_no_group_that_was_left(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann, guests = hire(changing), f"CN=Domain Guests,CN=Users,{SUFFIX}"
    changing.modify(join(guests, ann) + join(guests, hire(changing)))
    kept, key = keep(), changing.guid(ann)
    changing.modify(change(ann, "replace: primaryGroupID", "primaryGroupID: 514"))

    delta = kept.next()

    assert delta.people == {key}
    assert not delta.left


def test_members_that_come_in_parts_are_all_kept(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    crowd = f"CN=crowd,{GROUP_BASE}"
    kept, key = keep(groups={"base": GROUP_BASE, "filter": "(cn=crowd)"}), changing.guid(crowd)
    before = kept.members[key]
    ann = hire(changing)
    changing.modify(join(crowd, ann))

    assert kept.next().people == {changing.guid(ann)}
    assert kept.members[key] - before == {changing.guid(ann)}
    assert len(before) > 2100


@pytest.mark.parametrize("what", ["an organizational unit", "a group"])
def test_what_others_take_their_names_from_may_not_move(
    changing: PrivateSamba, keep: Callable[..., Kept], what: str
) -> None:
    number = next(NUMBERS)
    changing.modify(add(f"OU=unit{number},{STAFF}", "objectClass: organizationalUnit"))
    hire(changing, f"OU=unit{number},{STAFF}")
    dn = f"OU=unit{number},{STAFF}" if what == "an organizational unit" else form(changing)
    kept = keep()
    changing.modify(change(dn, "replace: description", "description: harmless"))
    assert not kept.next().people
    kind = dn.partition("=")[0]
    changing.modify(f"dn: {dn}\nchangetype: modrdn\nnewrdn: {kind}=other{number}\ndeleteoldrdn: 1\n")

    with pytest.raises(MarkLost, match="was renamed or moved"):
        kept.next()


def test_a_unit_that_is_new_may_move_once_it_was_seen(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    number = next(NUMBERS)
    kept = keep()
    changing.modify(add(f"OU=unit{number},{STAFF}", "objectClass: organizationalUnit"))
    assert not kept.next().people
    changing.modify(f"dn: OU=unit{number},{STAFF}\nchangetype: modrdn\nnewrdn: OU=unit{number}b\ndeleteoldrdn: 1\n")

    with pytest.raises(MarkLost, match=rf"ou=unit{number},.* was renamed or moved"):
        kept.next()


def test_a_unit_that_comes_back_without_its_classes_is_known_for_one(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    """As DirSync shows what was restored: what it was all along did not change."""
    number = next(NUMBERS)
    changing.modify(add(f"OU=unit{number},{STAFF}", "objectClass: organizationalUnit"))
    kept, key = keep(), changing.guid(f"OU=unit{number},{STAFF}")
    row = kept.members.pop(key)
    changing.modify(move(f"OU=unit{number},{STAFF}", f"OU=unit{number}", GROUP_BASE))

    delta = kept.next()

    assert not delta.people
    assert set(delta.groups) == {key}
    assert delta.groups[key] != row


def test_a_unit_that_was_deleted_is_kept_no_more(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    dn = f"OU=unit{next(NUMBERS)},{STAFF}"
    changing.modify(add(dn, "objectClass: organizationalUnit"))
    kept, key = keep(), changing.guid(dn)
    changing.modify(f"dn: {dn}\nchangetype: delete\n")

    delta = kept.next()

    assert delta.groups == {key: None}
    assert not delta.people
    assert not delta.gone


def test_a_group_that_leaves_the_filter_loses_the_mark(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    group = form(changing, hire(changing))
    kept = keep(groups={"base": GROUP_BASE, "filter": "(&(objectClass=group)(!(info=old)))"})
    changing.modify(change(group, "replace: info", "info: old"))

    with pytest.raises(MarkLost, match="no longer among the groups"):
        kept.next()


def test_too_much_at_once_loses_the_mark(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    kept = keep()
    hire(changing)
    hire(changing)

    with pytest.raises(MarkLost, match="More than 1 entries"):
        kept.next(most=1)


def test_a_mark_that_says_nothing_is_lost(keep: Callable[..., Kept]) -> None:
    kept = keep()
    said = json.loads(kept.mark)

    for at in ("", "garbage", "usn", "usn x", "dirsync 1 0 0 !!!", "dirsync 1 7 0 AAAA", "dirsync 1 0 0 AAAA"):
        kept.mark = json.dumps({**said, "at": at})
        with pytest.raises(MarkLost):
            kept.next()


def test_a_counter_that_went_back_loses_the_mark(keep: Callable[..., Kept]) -> None:
    kept = keep()
    said = json.loads(kept.mark)
    way, number, *rest = said["at"].split(" ")
    kept.mark = json.dumps({**said, "at": " ".join((way, str(int(number) + 100_000), *rest))})

    with pytest.raises(MarkLost, match="went back"):
        kept.next()


def test_a_mark_of_another_account_or_question_is_lost(
    changing: PrivateSamba, keep: Callable[..., Kept], way: str
) -> None:
    kept = keep()

    def since(**changes: object) -> None:
        feed_of(changing, way, **changes).since(kept.mark, kept.members.get, MOST)

    with pytest.raises(MarkLost, match="another account"):
        since(bind_dn=f"{READER}@corp.example")
    with pytest.raises(MarkLost, match="another question"):
        since(users={"base": STAFF, "filter": "(sn=*)"})
    with pytest.raises(MarkLost, match="another question"):
        since(groups={"base": GROUP_BASE, "filter": "(cn=crowd)"})


def test_a_mark_of_another_server_or_of_another_life_of_it_is_lost(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    kept = keep()
    said = json.loads(kept.mark)
    server, _, life = said["bound"]["server"].rpartition(" ")
    assert server.startswith("cn=ntds settings,cn=dc1,")
    for other in (f"{server} {changing.guid(STAFF)}", f"{server.replace('dc1', 'dc2')} {life}"):
        kept.mark = json.dumps({**said, "bound": {**said["bound"], "server": other}})
        with pytest.raises(MarkLost, match="another server"):
            kept.next()


@pytest.mark.parametrize("way", ["dirsync", "usn", "auto"])
def test_an_account_without_rights_sees_changes_and_says_what_it_lacks_to_see_who_is_deleted(
    own_domain: PrivateSamba, way: str
) -> None:
    ann, ben = hire(own_domain), hire(own_domain)
    group = form(own_domain, ann, ben)
    kept, key = Kept(feed_of(own_domain, way, bind_dn=f"{READER}@corp.example")), own_domain.guid(ann)
    deleted = own_domain.guid(ben)
    own_domain.modify(f"dn: {ben}\nchangetype: delete\n\n" + leave(group, ann))

    delta = kept.next()

    assert delta.people == {key, deleted}
    assert not delta.gone
    assert delta.left == {key: {group.lower()}}
    assert f"Read Property on {DELETED_OBJECTS}" in delta.blind
    assert ("Replicating Directory Changes" in delta.blind) == (way != "usn")


@pytest.mark.parametrize("way", ["dirsync", "usn"])
def test_an_account_that_may_list_deleted_objects_sees_who_is_deleted(own_domain: PrivateSamba, way: str) -> None:
    own_domain.set_acl(DELETED_OBJECTS, f"(A;;RPLC;;;{own_domain.sid_of(READER)})")
    ann = hire(own_domain)
    kept, key = Kept(feed_of(own_domain, way, bind_dn=f"{READER}@corp.example")), own_domain.guid(ann)
    own_domain.modify(f"dn: {ann}\nchangetype: delete\n")

    delta = kept.next()

    assert delta.gone == {key}
    assert not delta.blind


def test_the_right_to_replicate_alone_is_not_enough_here_and_it_is_noticed(own_domain: PrivateSamba) -> None:
    """Samba hides deleted entries from it, other than its model; whoever may list them is shown them by both."""
    own_domain.set_acl(SUFFIX, f"(OA;;CR;{REPLICATE};;{own_domain.sid_of(READER)})")
    ann, ben = hire(own_domain), hire(own_domain)
    kept, key = Kept(feed_of(own_domain, "dirsync", bind_dn=f"{READER}@corp.example")), own_domain.guid(ben)
    own_domain.modify(f"dn: {ann}\nchangetype: delete\n")
    assert kept.next().blind
    own_domain.set_acl(DELETED_OBJECTS, f"(A;;RPLC;;;{own_domain.sid_of(READER)})")
    own_domain.modify(f"dn: {ben}\nchangetype: delete\n")

    delta = kept.next()

    assert key in delta.gone
    assert not delta.blind


@pytest.mark.parametrize("way", ["dirsync", "usn"])
def test_members_that_may_be_seen_no_more_did_not_leave(own_domain: PrivateSamba, way: str) -> None:
    group = form(own_domain, hire(own_domain))
    kept = Kept(feed_of(own_domain, way, bind_dn=f"{READER}@corp.example"))
    own_domain.set_acl(group, f"(OD;;RP;{READ_MEMBER};;{own_domain.sid_of(READER)})")
    own_domain.modify(change(group, "replace: mail", "mail: group@corp.example"))

    with pytest.raises(MarkLost, match="may be seen no more"):
        kept.next()


def test_by_numbers_the_last_member_of_a_group_leaves_without_a_trace(changing: PrivateSamba) -> None:
    group = f"CN=group{next(NUMBERS)},{GROUP_BASE}"
    ann = hire(changing)
    changing.modify(add(group, "objectClass: group", f"member: {ann}"))
    dirsync, numbers = Kept(feed_of(changing, "dirsync")), Kept(feed_of(changing, "usn"))
    changing.modify(leave(group, ann))

    assert dirsync.next().left == {changing.guid(ann): {group.lower()}}
    with pytest.raises(MarkLost, match="has no members any more"):
        numbers.next()


def test_a_right_that_was_taken_away_loses_the_mark(own_domain: PrivateSamba) -> None:
    own_domain.set_acl(SUFFIX, f"(OA;;CR;{REPLICATE};;{own_domain.sid_of(READER)})")
    kept = Kept(feed_of(own_domain, "auto", bind_dn=f"{READER}@corp.example"))
    own_domain.set_acl(SUFFIX, f"(OD;;CR;{REPLICATE};;{own_domain.sid_of(READER)})")

    with pytest.raises(MarkLost, match="50 insufficientAccessRights"):
        kept.next()


def test_where_everybody_hears_of_changes_in_several_domains_numbers_are_taken(changing: PrivateSamba) -> None:
    """The global catalog has no DirSync for a domain that it does not hold whole."""
    several = {"base": [STAFF, f"CN=Sites,CN=Configuration,{SUFFIX}"]}

    auto = json.loads(feed_of(changing, "auto", users=several, realm="all").mark())["at"]

    assert auto.startswith("usn ")
    with pytest.raises(MarkLost, match="one naming context"):
        feed_of(changing, "dirsync", users=several, realm="all").mark()


@pytest.mark.parametrize("decoder", ["own", "ldap3"])
def test_groups_by_member_of_and_by_the_server_are_followed_too(changing: PrivateSamba, decoder: str) -> None:
    ann = hire(changing)
    outside = form(changing, ann, base=STAFF)
    group = form(changing, outside)
    groups = {"base": GROUP_BASE, "filter": "(objectClass=group)", "nested": "server"}
    by_server = Kept(feed_of(changing, "auto", groups=groups, decoder=decoder))
    by_person = Kept(feed_of(changing, "auto", groups=None, member_of=True, decoder=decoder))
    changing.modify(leave(outside, ann))

    assert by_server.next().left[changing.guid(ann)] == {outside.lower(), group.lower()}
    assert by_person.next().left[changing.guid(ann)] >= {outside.lower()}


def test_who_is_selected_by_a_group_is_told_when_they_leave_it(
    changing: PrivateSamba, keep: Callable[..., Kept]
) -> None:
    ann = hire(changing)
    outside = form(changing, ann, base=STAFF)
    kept = keep(users={"base": STAFF, "filter": f"(memberOf={outside})"}, groups=None)
    changing.modify(leave(outside, ann))

    assert kept.next().people == {changing.guid(ann)}


def test_members_by_login_are_told(changing: PrivateSamba, keep: Callable[..., Kept]) -> None:
    ann, group = hire(changing), form(changing)
    login = f"login{next(NUMBERS)}"
    changing.modify(change(group, "add: memberUid", f"memberUid: {login}", "memberUid: somebody"))
    changing.modify(change(ann, "replace: uid", f"uid: {login}"))
    kept, key = keep(), changing.guid(ann)
    changing.modify(change(group, "delete: memberUid", f"memberUid: {login}"))

    delta = kept.next()

    assert delta.people == {key}
    assert delta.left == {key: {group.lower()}}


def test_the_feed_says_of_which_directory_it_is(changing: PrivateSamba) -> None:
    assert feed_of(changing, "auto").realm == changing.sid
    assert feed_of(changing, "auto", realm="ours").realm == "ours"


def test_a_server_that_does_not_answer_is_no_lost_mark(own_domain: PrivateSamba) -> None:
    kept = Kept(feed_of(own_domain, "auto"))
    own_domain.stop()

    for question in (kept.next, kept.feed.mark, lambda: list(kept.feed.members())):
        with pytest.raises(SourceUnavailable):
            question()

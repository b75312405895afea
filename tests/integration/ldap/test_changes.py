"""What a real slapd tells of changes, by RFC 4533 and by change sequence numbers."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from iwds.core.model import Anchor
from iwds.demo.slapd import PrivateSlapd
from iwds.errors import MarkLost
from iwds.ports import Delta, Feed
from iwds.sources.ldap import LdapSource, connect
from tests.servers.company import GROUP_BASE, IDS, REALM, SUFFIX, write
from tests.servers.slapd import ldap_settings, slapd, telling_slapd

WAYS = ("syncrepl", "timestamps")
PEOPLE = f"ou=people,{SUFFIX}"
FORMER = f"ou=former,{SUFFIX}"
MOST = 50
TICK = f"dn: {GROUP_BASE}\nchangetype: modify\nreplace: description\ndescription: x\n"
LONG_AGO = "createTimestamp: 20200101000000Z"
BRANCHES = f"""\
dn: ou=north,{PEOPLE}
objectClass: organizationalUnit
ou: north
{LONG_AGO}

dn: uid=nora,ou=north,{PEOPLE}
objectClass: inetOrgPerson
uid: nora
cn: Nora
sn: North

dn: ou=store,{PEOPLE}
objectClass: organizationalUnit
ou: store
{LONG_AGO}

dn: cn=lamp,ou=store,{PEOPLE}
objectClass: device
cn: lamp

"""
FERDINAND = "objectClass: inetOrgPerson\nuid: ferdinand\ncn: F\nsn: F\n"


class Told:
    """A feed with what a job keeps of it.

    Args:
        source: whom to ask.
    """

    def __init__(self, source: LdapSource) -> None:
        feed = source.changes(("uid",))
        assert feed is not None
        self.feed: Feed = feed
        self.mark = feed.mark()
        self.members = dict(feed.members())

    def since(self, most: int = MOST) -> Delta:
        """What changed since it was last asked."""
        delta = self.feed.since(self.mark, self.members.get, most)
        self.mark = delta.mark or self.mark
        for group, members in delta.groups.items():
            if members is None:
                del self.members[group]
            else:
                self.members[group] = members
        return delta


def company(directory: Path) -> Path:
    """The company, made long ago, with a branch that holds somebody and one that holds a thing."""
    path = write(directory)
    text = path.read_text(encoding="utf-8").replace("\n\n", f"\n{LONG_AGO}\n\n")
    path.write_text(text + BRANCHES, encoding="utf-8")
    return path


@pytest.fixture
def telling(tmp_path: Path) -> Iterator[PrivateSlapd]:
    """A server that tells by both ways, and has written the first line of its log."""
    with telling_slapd(tmp_path / "server", company(tmp_path)) as server:
        server.modify(TICK)
        yield server


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSlapd]:
    """The same for tests that change nothing there."""
    directory = tmp_path_factory.mktemp("standing")
    with telling_slapd(directory / "server", company(directory)) as server:
        yield server


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Each way in which a server can be asked."""
    return str(request.param)


_opened: list[LdapSource] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes every source that was told of."""
    yield
    while _opened:
        _opened.pop().close()


def told(server: PrivateSlapd, way: str, **changes: object) -> Told:
    """What a source of this server keeps from now on."""
    _opened.append(connect("corp", ldap_settings(server, changes=way, **changes)))
    return Told(_opened[-1])


def person(name: str, change: str, base: str = PEOPLE) -> str:
    """The beginning of a change of somebody."""
    return f"dn: uid={name},{base}\nchangetype: {change}\n"


def moved(name: str, base: str) -> str:
    """A change that moves somebody."""
    return person(name, "modrdn") + f"newrdn: uid={name}\ndeleteoldrdn: 0\nnewsuperior: {base}\n"


def member(group: str, change: str, name: str) -> str:
    """A change of a group's members."""
    value = b64encode(name.encode()).decode()
    return f"dn: cn={group},{GROUP_BASE}\nchangetype: modify\n{change}: member\nmember:: {value}\n"


def named(*groups: str) -> frozenset[str]:
    """Groups as entries name them."""
    return frozenset(f"cn={group},{GROUP_BASE}" for group in groups)


def test_nothing_changed(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(TICK)

    for delta in (job.since(), job.since()):
        assert (*delta.people, *delta.gone, *delta.groups, *delta.left, *delta.blind) == ()


def test_who_is_new_or_changed_comes_once(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(person("ada", "modify") + "replace: sn\nsn: King\n")
    telling.modify(person("ferdinand", "add") + FERDINAND)

    delta = job.since()

    assert IDS["ada"] in delta.people
    assert len(delta.people) == 2
    assert not job.since().people


def test_who_gets_another_name_comes_by_the_same_id(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(person("dmitri", "modrdn") + "newrdn: uid=dimitri\ndeleteoldrdn: 1\n")

    delta = job.since()

    assert delta.people == {IDS["dmitri"]}
    assert not delta.gone


def test_who_leaves_the_bases_is_looked_at_and_not_gone(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(moved("dmitri", FORMER))

    delta = job.since()

    assert delta.people == {IDS["dmitri"]}
    assert not delta.gone


def test_who_leaves_the_filter_is_looked_at(telling: PrivateSlapd, way: str) -> None:
    users = {"base": PEOPLE, "filter": "(&(objectClass=inetOrgPerson)(!(employeeType=left)))"}
    job = told(telling, way, users=users)
    telling.modify(person("dmitri", "modify") + "replace: employeeType\nemployeeType: left\n")

    assert job.since().people == {IDS["dmitri"]}


def test_other_things_beside_the_bases_are_nobody(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(f"dn: cn=lamp,{FORMER}\nchangetype: add\nobjectClass: device\ncn: lamp\n")

    assert not job.since().people


def test_who_is_deleted_is_gone_where_the_log_says_so(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(person("dmitri", "delete"))

    delta = job.since()

    assert delta.gone == {IDS["dmitri"]}
    assert (*delta.people, *delta.blind) == ()


@pytest.mark.parametrize("log", ["", f'to dn.subtree="cn=accesslog" by dn.base="cn=admin,{SUFFIX}" read'])
def test_without_a_log_of_deletions_nobody_is_gone(tmp_path: Path, way: str, log: str) -> None:
    with telling_slapd(tmp_path / "server", company(tmp_path), log=log) as server:
        job = told(server, way)
        server.modify(person("dmitri", "delete"))

        delta = job.since()

        assert not delta.gone
        assert delta.people == ({IDS["dmitri"]} if way == "syncrepl" else frozenset())
        assert "accesslog" in delta.blind


def test_few_attributes_of_the_log_are_enough(tmp_path: Path, way: str) -> None:
    needed = "entry,objectClass,entryCSN,minCSN,reqResult,reqEntryUUID,reqDN"
    log = f'to attrs={needed} by dn.exact="cn=reader,{SUFFIX}" read'
    with telling_slapd(tmp_path / "server", company(tmp_path), log=log) as server:
        server.modify(TICK)
        job = told(server, way)
        server.modify(person("dmitri", "delete"))

        delta = job.since()

        assert delta.gone == {IDS["dmitri"]}
        assert not delta.blind


def test_a_log_that_begins_after_the_mark_is_told(tmp_path: Path, way: str) -> None:
    with telling_slapd(tmp_path / "server", company(tmp_path)) as server:
        job = told(server, way)
        server.modify(person("dmitri", "delete"))

        assert "does not reach back" in job.since().blind


def test_who_is_hidden_from_now_on_is_not_gone(tmp_path: Path, way: str) -> None:
    with telling_slapd(tmp_path / "server", company(tmp_path)) as server:
        hide(server, f'dn.subtree="{FORMER}"', "filter=(employeeType=secret)")
        job = told(server, way)
        server.modify(moved("dmitri", FORMER))
        server.modify(person("ada", "modify") + "replace: employeeType\nemployeeType: secret\n")

        delta = job.since()

        assert not delta.gone
        assert delta.people == ({IDS["dmitri"], IDS["ada"]} if way == "syncrepl" else frozenset())


def test_whoever_comes_back_under_the_same_id_is_not_gone(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(person("dmitri", "delete"))
    again = f"objectClass: inetOrgPerson\nuid: dmitri\ncn: D\nsn: D\nentryUUID: {IDS['dmitri']}\n"
    telling.modify(person("dmitri", "add") + again, "-e", "relax")

    delta = job.since()

    assert delta.people == {IDS["dmitri"]}
    assert not delta.gone


def test_who_was_deleted_can_be_asked_by_id(telling: PrivateSlapd) -> None:
    telling.modify(person("dmitri", "delete"))

    with closing(connect("corp", ldap_settings(telling))) as source:
        assert source.deleted(Anchor(REALM, IDS["dmitri"]))
        assert not source.deleted(Anchor(REALM, IDS["ada"]))
        assert not source.deleted(Anchor(REALM, "*"))


def test_who_is_put_into_a_group_is_affected(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(member("developers", "add", f"uid=dmitri,{PEOPLE}"))

    delta = job.since()

    assert delta.people == {IDS["dmitri"]}
    assert delta.left == {}
    assert delta.groups.keys() == named("developers")


def test_who_is_taken_out_of_a_group_has_left_it_and_those_above(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(member("developers", "add", f"uid=dmitri,{PEOPLE}"))
    job.since()
    telling.modify(member("developers", "delete", f"uid=dmitri,{PEOPLE}"))

    delta = job.since()

    assert delta.people == {IDS["dmitri"]}
    assert delta.left == {IDS["dmitri"]: named("developers", "staff", "all")}


@pytest.mark.parametrize(("group", "name"), [("staff", "björn"), ("a\\, b", "chloé")])
def test_names_with_letters_and_escapes_of_their_own_are_known(
    telling: PrivateSlapd, way: str, group: str, name: str
) -> None:
    job = told(telling, way)
    telling.modify(member(group, "delete", f"uid={name},{PEOPLE}"))

    delta = job.since()

    assert delta.people == {IDS[name]}
    assert delta.left[IDS[name]] >= named(group)


def test_who_stays_by_another_way_has_left_only_what_they_are_not_in(telling: PrivateSlapd, way: str) -> None:
    telling.modify(member("staff", "add", f"uid=ada,{PEOPLE}"))
    telling.modify(member("developers", "add", f"uid=dmitri,{PEOPLE}"))
    job = told(telling, way)
    telling.modify(member("developers", "delete", f"uid=ada,{PEOPLE}"))

    assert job.since().left == {IDS["ada"]: named("developers")}


def test_a_group_that_is_taken_out_of_a_group_takes_its_people_along(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(member("staff", "delete", f"cn=developers,{GROUP_BASE}"))

    delta = job.since()

    assert delta.people == {IDS["ada"]}
    assert delta.left == {IDS["ada"]: named("staff", "all")}


def test_a_group_that_is_deleted_is_left_where_the_log_says_so(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(f"dn: cn=developers,{GROUP_BASE}\nchangetype: delete\n")

    delta = job.since()

    assert delta.groups == {f"cn=developers,{GROUP_BASE}": None}
    assert delta.left == {IDS["ada"]: named("developers", "staff", "all")}


def test_a_group_that_the_filter_does_not_find_any_more_is_none(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way, groups={"base": GROUP_BASE, "filter": "(!(description=old))"})
    telling.modify(f"dn: cn=developers,{GROUP_BASE}\nchangetype: modify\nreplace: description\ndescription: old\n")

    delta = job.since()

    assert delta.groups == {f"cn=developers,{GROUP_BASE}": None}
    assert delta.left[IDS["ada"]] >= named("developers")


@pytest.mark.parametrize("hidden", ["member", "cn"])
def test_a_group_that_hides_its_members_or_what_selects_it_loses_the_mark(
    telling: PrivateSlapd, way: str, hidden: str
) -> None:
    groups = {"base": GROUP_BASE, "filter": "(cn=*)"}
    job = told(telling, way, groups=groups)
    hide(telling, f'dn.base="cn=developers,{GROUP_BASE}" attrs={hidden}')
    job.feed = told(telling, way, groups=groups).feed
    telling.modify(f"dn: cn=developers,{GROUP_BASE}\nchangetype: modify\nreplace: description\ndescription: new\n")

    with pytest.raises(MarkLost, match="may be seen no more"):
        job.since()


def test_members_by_login_are_people(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(
        f"dn: cn=wheel,{GROUP_BASE}\nchangetype: add\nobjectClass: posixGroup\n"
        "cn: wheel\ngidNumber: 1\nmemberUid: ada\nmemberUid: nobody\n"
    )
    assert job.since().people == {IDS["ada"]}
    telling.modify(f"dn: cn=wheel,{GROUP_BASE}\nchangetype: modify\ndelete: memberUid\nmemberUid: ada\n")

    assert job.since().left == {IDS["ada"]: named("wheel")}


def test_a_group_that_is_renamed_loses_the_mark(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(f"dn: cn=developers,{GROUP_BASE}\nchangetype: modrdn\nnewrdn: cn=makers\ndeleteoldrdn: 1\n")

    with pytest.raises(MarkLost, match="may have been renamed"):
        job.since()


def test_a_container_of_people_that_is_renamed_loses_the_mark(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(f"dn: ou=north,{PEOPLE}\nchangetype: modrdn\nnewrdn: ou=south\ndeleteoldrdn: 1\n")

    with pytest.raises(MarkLost, match="ou=south"):
        job.since()


def test_who_was_renamed_in_groups_too_leaves_them_by_the_new_name(tmp_path: Path, way: str) -> None:
    refint = ["overlay refint", "refint_attributes member", f"refint_nothing {SUFFIX}"]
    with telling_slapd(tmp_path / "server", company(tmp_path), database=refint, modules=["refint"]) as server:
        server.modify(member("developers", "add", f"uid=dmitri,{PEOPLE}"))
        job = told(server, way)
        server.modify(person("dmitri", "modrdn") + "newrdn: uid=dimitri\ndeleteoldrdn: 1\n")
        assert job.since().left == {}
        server.modify(member("developers", "delete", f"uid=dimitri,{PEOPLE}"))

        assert job.since().left == {IDS["dmitri"]: named("developers", "staff", "all")}


def test_a_container_without_people_is_renamed_without_harm(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(f"dn: ou=store,{PEOPLE}\nchangetype: modrdn\nnewrdn: ou=shop\ndeleteoldrdn: 1\n")

    assert not job.since().gone


@pytest.mark.parametrize("log", ["", "to * by * read"])
def test_after_a_restart_changes_are_still_told(tmp_path: Path, way: str, log: str) -> None:
    with telling_slapd(tmp_path / "server", company(tmp_path), log=log) as server:
        server.modify(TICK)
        job = told(server, way)
        server.modify(person("ada", "modify") + "replace: sn\nsn: King\n")
        server.modify(person("dmitri", "delete"))
        restart(server)
        job.feed = told(server, way).feed
        server.modify(person("chlo\\C3\\A9", "modify") + "replace: description\ndescription: x\n")

        delta = job.since()

        assert {IDS["ada"], IDS["chloé"]} <= delta.people
        assert delta.gone == ({IDS["dmitri"]} if log else frozenset())
        if way == "syncrepl":
            assert ("syncprov-sessionlog" in delta.blind) is not bool(log)


@pytest.mark.parametrize("garbage", ["", "{}", "garbage", '{"bound": {}, "at": "{}"}'])
def test_what_is_no_mark_is_lost(standing: PrivateSlapd, way: str, garbage: str) -> None:
    job = told(standing, way)
    job.mark = garbage

    with pytest.raises(MarkLost, match=r"no mark|another"):
        job.since()


@pytest.mark.parametrize(
    "place", ["{}", "[]", '{"a": 1}', '{"a": {"told": {}, "seen": {}, "late": [], "floor": ""}}', "x"]
)
def test_a_mark_of_no_place_is_lost(standing: PrivateSlapd, way: str, place: str) -> None:
    job = told(standing, way)
    job.mark = json.dumps(json.loads(job.mark) | {"at": place})

    with pytest.raises(MarkLost):
        job.since()


def test_a_mark_of_another_account_is_lost(standing: PrivateSlapd, way: str) -> None:
    job = told(standing, way, bind_dn=standing.admin_dn, password=standing.admin_password)
    job.feed = told(standing, way).feed

    with pytest.raises(MarkLost, match="account"):
        job.since()


@pytest.mark.parametrize("other", [{"users": {"base": FORMER}}, {"groups": None}, {"groups": {"base": PEOPLE}}])
def test_a_mark_of_another_question_is_lost(standing: PrivateSlapd, way: str, other: dict[str, object]) -> None:
    job = told(standing, way, **other)
    job.feed = told(standing, way).feed

    with pytest.raises(MarkLost, match="question"):
        job.since()


def test_a_mark_of_the_other_way_is_lost(standing: PrivateSlapd) -> None:
    job = told(standing, "syncrepl")
    job.feed = told(standing, "timestamps").feed

    with pytest.raises(MarkLost, match="question"):
        job.since()


def test_a_directory_that_was_set_back_loses_the_mark(standing: PrivateSlapd) -> None:
    job = told(standing, "syncrepl")
    job.mark = job.mark.replace(': \\"20', ': \\"21')

    with pytest.raises(MarkLost, match="behind the mark"):
        job.since()


def test_more_than_anybody_wants_loses_the_mark(telling: PrivateSlapd, way: str) -> None:
    job = told(telling, way)
    telling.modify(person("ada", "modify") + "replace: sn\nsn: King\n")
    telling.modify(person("dmitri", "modify") + "replace: sn\nsn: King\n")

    with pytest.raises(MarkLost, match="More than 1 "):
        job.since(most=1)


def test_a_size_limit_loses_the_mark_and_says_what_to_allow(tmp_path: Path) -> None:
    limits = ['limits dn.exact="{reader}" size.soft=1 size.hard=1 size.prtotal=unlimited']
    with telling_slapd(tmp_path / "server", company(tmp_path), database=limits) as server:
        job = told(server, "syncrepl")
        server.modify(person("ada", "modify") + "replace: sn\nsn: King\n")
        server.modify(person("dmitri", "modify") + "replace: sn\nsn: King\n")

        with pytest.raises(MarkLost, match="at once") as lost:
            job.since()

        assert "size.soft" in lost.value.advice


def test_changes_that_end_late_are_seen_and_others_not_twice(telling: PrivateSlapd) -> None:
    telling.modify(person("ada", "modify") + "replace: sn\nsn: King\n")
    telling.modify(person("dmitri", "modify") + "replace: sn\nsn: King\n")
    job = told(telling, "timestamps")
    assert not job.since().people
    # What ada's change would look like if it had ended behind dmitri's, and behind the mark.
    place = json.loads(json.loads(job.mark)["at"])
    del place[SUFFIX]["late"][-2]
    job.mark = json.dumps(json.loads(job.mark) | {"at": json.dumps(place)})

    assert IDS["ada"] in job.since().people
    assert not job.since().people


def test_without_the_overlay_entries_tell(tmp_path: Path) -> None:
    with telling_slapd(tmp_path / "server", company(tmp_path), syncprov=None) as server:
        server.modify(TICK)
        job = told(server, "auto")
        server.modify(person("ada", "modify") + "replace: sn\nsn: King\n")
        server.modify(person("dmitri", "delete"))

        delta = job.since()

        assert delta.people == {IDS["ada"]}
        assert delta.gone == {IDS["dmitri"]}
        with pytest.raises(MarkLost, match="contextCSN"):
            told(server, "syncrepl")


def test_the_better_way_is_taken_by_itself(standing: PrivateSlapd) -> None:
    assert told(standing, "auto").mark == told(standing, "syncrepl").mark


def test_who_may_not_see_when_entries_changed_is_told_nothing(tmp_path: Path) -> None:
    with slapd(tmp_path / "server", company(tmp_path)) as server:
        hide(server, "attrs=entryCSN,contextCSN")

        assert connect("corp", ldap_settings(server)).changes(()) is None
        with pytest.raises(MarkLost, match="entryCSN"):
            told(server, "timestamps")


@pytest.mark.parametrize("settings", [{"member_of": True, "groups": None}, {"changes": "none"}])
def test_some_settings_have_no_feed(standing: PrivateSlapd, settings: dict[str, object]) -> None:
    assert connect("corp", ldap_settings(standing, **settings)).changes(()) is None


def test_the_feed_says_whose_ids_it_tells(standing: PrivateSlapd) -> None:
    assert told(standing, "syncrepl").feed.realm == REALM
    assert told(standing, "syncrepl", realm="acme").feed.realm == "acme"


def hide(server: PrivateSlapd, *what: str) -> None:
    """Let nobody see this any more. Rules count in their order, so these come first."""
    configuration = server.directory / "slapd.conf"
    rules = "".join(f"access to {each} by * none\n" for each in what)
    text = configuration.read_text(encoding="utf-8")
    configuration.write_text(text.replace("access to attrs=userPassword", f"{rules}access to attrs=userPassword", 1))
    restart(server)


def restart(server: PrivateSlapd) -> None:
    """Stop and start, on which a session log is lost."""
    server.stop()
    server.start()

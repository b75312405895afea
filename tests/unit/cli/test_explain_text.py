"""One person on a page: what is not known, whose lock it is, who else wants the login, and nothing secret."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import pytest
from rich.cells import cell_len

from iwds.cli.explain_data import data_of
from iwds.cli.explain_text import explanation_lines
from iwds.cli.explain_verdict import verdict
from iwds.cli.resync_text import person_lines
from iwds.core.change import Write, fields_changed
from iwds.core.devices import Activated, Code, Device, DeviceKind, DeviceState
from iwds.core.model import Account, Entry, Mode, Unmapped
from iwds.core.plan import Plan
from iwds.core.policy import Leaver, Policy
from iwds.core.recognition import By, Matching, MatchRule
from iwds.core.words import field_words
from iwds.engine.explaining import Explanation, explain
from iwds.engine.locks import lock
from iwds.engine.one import person_view
from tests.unit.engine.desk import WHY, Helpdesk
from tests.unit.engine.rehearsal import OURS, PlainRules

SECRET = "123456789"
PHONE = Device(DeviceKind.AUTHENTICATOR, 12, DeviceState(3), "Phone", created=1_700_000_000, last_used=0)


@pytest.fixture
def stage() -> Iterator[Helpdesk]:
    rehearsal = Helpdesk()
    rehearsal.is_told(PHONE, activated=Activated.LINK, link=Code(SECRET), pin_locked=True)
    for who in ("ada", "bob", "cleo"):
        rehearsal.hire(who, ("vpn",), mail=f"{who}@example.org", sn=who.title())
    rehearsal.run()
    yield rehearsal
    rehearsal.close()


def explained(stage: Helpdesk, who: str) -> Explanation:
    return explain(stage.job, stage.tools, stage.desk(), person_view(stage.job, stage.tools, who))


def _plan(seen: Explanation) -> Plan:
    assert seen.plan is not None
    return seen.plan


def page(stage: Helpdesk, who: str, lately: int = 5) -> str:
    """The page in one line; every line of it fits."""
    lines = list(explanation_lines(explained(stage, who), None, stage.clock.now(), most=lately))
    assert all(cell_len(line.plain) <= 80 for line in lines)
    return " ".join(" ".join(line.plain for line in lines).split())


def test_what_is_not_known_is_not_told_to_be_empty(stage: Helpdesk) -> None:
    stage.source.unreadable = frozenset({"mail"})
    stage.change("ada", sn="")
    told = page(stage, "ada")

    assert "mail not known" in told
    assert "empty: disabled, role" in told
    assert "sn" in told.partition("empty:")[2].partition("Scope")[0]
    assert "* last name (empty) Ada" in told


@dataclass(frozen=True)
class ModedRules(PlainRules):
    """Rules whose fields have modes, and one extra field that is always empty in the directory."""

    extra_keys: frozenset[str] = frozenset({"badge"})
    modes: tuple[tuple[str, Mode], ...] = ()

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = PlainRules.map(self, entry, now)
        return replace(made, modes=self.modes, extra=(("badge", ""),)) if isinstance(made, Account) else made


@dataclass(frozen=True)
class NumberedRules(PlainRules):
    """Rules under which people of one name are numbered."""

    def map(self, entry: Entry, now: datetime) -> Account | Unmapped:
        made = PlainRules.map(self, entry, now)
        return replace(made, numbering=20) if isinstance(made, Account) else made


def test_a_number_behind_a_login_that_is_theirs_is_no_difference(stage: Helpdesk) -> None:
    stage.job = replace(stage.job, rules=NumberedRules())
    stage.hire("eve", uid="ada")
    assert stage.run().exit_code == 0

    assert [each.name for each in explained(stage, "ada2").fields if each.differs] == []


@pytest.mark.parametrize(
    ("modes", "kept"),
    [
        ((), {"last name": "never-clear", "extra badge": "never-clear"}),
        ((("mail", Mode.IF_EMPTY),), {"last name": "never-clear", "mail": "if-empty", "extra badge": "never-clear"}),
        ((("name", Mode.ALWAYS), ("role", Mode.NEVER_CLEAR)), {"role": "never-clear", "extra badge": "never-clear"}),
        ((("name", Mode.ALWAYS), ("extra badge", Mode.ALWAYS)), {}),
    ],
)
def test_what_a_mode_leaves_is_told_as_kept_and_the_rest_that_differs_is_what_a_plan_writes(
    stage: Helpdesk, modes: tuple[tuple[str, Mode], ...], kept: dict[str, str]
) -> None:
    stage.job = replace(stage.job, rules=ModedRules(modes=modes))
    stage.change("ada", sn="", mail="new@example.org", role="0")
    stage.by_hand("ada", extra='{ "badge":"7" }', role=1)
    seen = explained(stage, "ada")
    assert seen.plan
    (write,) = (change for change in seen.plan.changes if isinstance(change, Write))
    told = page(stage, "ada")

    assert {each.name: each.kept for each in seen.fields if each.kept} == kept
    written = {field_words(name) for name in fields_changed(write)}
    assert {each.name.replace("extra badge", "extra fields") for each in seen.fields if each.differs} == written
    assert told.count("kept as the service has it: never-clear") == list(kept.values()).count("never-clear")
    assert told.count("kept as the service has it: if-empty") == list(kept.values()).count("if-empty")
    assert "at its creation, and a later difference cannot be seen" in told


def test_nothing_secret_is_told(stage: Helpdesk) -> None:
    seen = explained(stage, "ada")
    data = json.dumps(data_of(seen, None), default=str)

    assert "a link waits to be used" in page(stage, "ada")
    assert "PIN blocked after wrong entries" in page(stage, "ada")
    assert SECRET not in page(stage, "ada") + data + repr(seen)


def test_whose_lock_it_is_is_told(stage: Helpdesk) -> None:
    stage.by_hand("ada", status=1)
    assert "LOCKED by somebody else" in page(stage, "ada")
    stage.change("bob", disabled="yes")
    stage.run()
    assert "LOCKED by a run" in page(stage, "bob")
    assert "LOCKED" not in page(stage, "cleo")


@pytest.mark.parametrize("tombstone", [True, False])
def test_who_is_not_found_is_told_from_who_was_deleted(stage: Helpdesk, tombstone: bool) -> None:
    if tombstone:
        stage.source.tombstones.add(stage.entry("ada").anchor)
    stage.leave("ada")
    seen, told = explained(stage, "ada"), page(stage, "ada")

    assert ("Deleted in the directory (tombstone)." in told) is tombstone
    assert ("Not found in the directory" in told) is not tombstone
    assert ("iwds resync ada" in told) is tombstone
    assert data_of(seen, None)["tombstone"] is tombstone
    (here,) = [line.plain for line in person_lines(seen.one, _plan(seen)) if "directory" in line.plain]
    assert ("deleted in the directory (tombstone)" in here) is tombstone


def test_what_a_resync_leaves_to_a_run_is_not_told_to_type(stage: Helpdesk) -> None:
    stage.configure(policy=Policy(OURS, Leaver.DELETE))
    stage.source.tombstones.add(stage.entry("ada").anchor)
    stage.leave("ada")
    told = page(stage, "ada")

    assert "Deleted in the directory (tombstone)." in told
    assert "delete ada" in told
    assert "iwds resync" not in told


def test_who_else_wants_the_login_is_named(stage: Helpdesk) -> None:
    stage.hire("dan")
    stage.hire("dan2")
    stage.change("dan2", uid="dan")
    told = page(stage, "cn=dan")

    assert "also wants this login: cn=dan2" in told
    assert "Gets no account: one of several who want the same login: 2 people want the login dan" in told
    assert "duplicate:" in told


def test_who_has_no_login_is_told_what_they_get(stage: Helpdesk) -> None:
    stage.hire("dan")
    stage.hire("eve", disabled="yes")

    assert verdict(explained(stage, "dan"))[0] == "Gets a login: 1 change would be made."
    assert verdict(explained(stage, "eve"))[0] == "Gets no login: disabled or expired in the directory (disabled)."
    stage.target.state.add("foreign")
    stage.hire("foreign")
    assert verdict(explained(stage, "cn=foreign"))[0].startswith("Has an account; ")


@pytest.mark.parametrize(
    "rules",
    [replace(PlainRules(), login_is_written=False), replace(PlainRules(), matching=Matching((MatchRule(By.MAIL),)))],
)
def test_where_others_may_want_the_login_too_a_run_of_everybody_decides(stage: Helpdesk, rules: PlainRules) -> None:
    stage.hire("dan", mail="dan@example.org")
    assert page(stage, "dan").endswith("To type iwds resync dan --job staff")
    stage.configure(rules=rules)
    told = page(stage, "dan")

    assert "Gets a login: a run of everybody decides." in told
    assert "only a run that reads everybody knows" in told
    match = " iwds match staff" if rules.matching.by(By.MAIL) else ""
    assert told.endswith("To type iwds plan staff" + match)
    assert "only a run that reads everybody" not in page(stage, "ada"), "nothing is named anew"


def test_runs_and_the_helpdesk_are_one_list_with_the_newest_first(stage: Helpdesk) -> None:
    for seconds, sn in ((60, "Byron"), (120, "King")):
        stage.clock.passed += seconds
        lock(stage.desk(), stage.login("ada"), None, WHY)
        stage.clock.passed += seconds
        stage.change("ada", sn=sn)
        stage.run()
    lately = page(stage, "ada", 6).partition("Lately")[2].partition("What the next")[0]

    marks = ["last name Byron > King", "zoe@", "last name Ada > Byron", "zoe@", "create ada"]
    assert re.findall("|".join([*marks[::2], "zoe@"]), lately) == marks, lately


def test_of_runs_and_helpdesk_together_so_many_are_told_then_how_many_more_and_how_to_see_them(stage: Helpdesk) -> None:
    for n in range(4):
        stage.clock.passed += 60
        lock(stage.desk(), stage.login("ada"), None, WHY)
        stage.clock.passed += 60
        stage.change("ada", sn=f"King {n}")
        stage.run()
    told = page(stage, "ada")

    assert re.findall("> King [0-9]|zoe@", told) == ["> King 3", "zoe@", "> King 2", "zoe@", "> King 1"]
    assert "... 5 more: iwds explain ada --job staff --lately 10 What" in told
    whole = page(stage, "ada", 10)
    assert "more:" not in whole
    assert "create ada" in whole


def test_of_a_login_that_is_nobodys_only_what_is_so_is_told(stage: Helpdesk) -> None:
    stage.target.state.add("foreign")
    (wiki,) = (number for number, group in stage.target.state.groups.items() if group.name == "wiki")
    stage.target.state.members[wiki, stage.login("foreign").id] = 0
    told = page(stage, "foreign")

    assert "not in our memory; made in the console" in told
    assert "Groups of the service = wiki: member" in told
    assert "vpn" not in told
    assert "the mapping gives them no account" not in told
    assert "leavers" not in told


def test_the_last_administrators_are_a_matter_of_the_whole(stage: Helpdesk) -> None:
    stage.by_hand("ada", role=2)
    stage.change("ada", role="0")
    assert "only where two others stay active" in page(stage, "ada")


def test_a_membership_that_somebody_else_made_is_left(stage: Helpdesk) -> None:
    (wiki,) = (number for number, group in stage.target.state.groups.items() if group.name == "wiki")
    stage.target.state.members[wiki, stage.login("ada").id] = 0
    told = page(stage, "ada")

    assert "= wiki: member, somebody else put them in; should not be" in told
    assert "something is left alone" in told
    assert "= vpn: member; should be" in told
    stage.configure(rules=replace(PlainRules(), groups={"vpn": False, "wiki": True}))
    assert "- wiki: member, somebody else put them in; should not be" in page(stage, "ada")


def test_a_grace_and_the_policy_are_told(stage: Helpdesk) -> None:
    stage.configure(policy=Policy(OURS, Leaver.LOCK_THEN_DELETE))
    stage.leave("ada")
    told = page(stage, "ada")

    assert "policy: leavers are locked, and deleted after a grace" in told
    assert "Where a proven reading of everybody does not show them - lock ada" in told
    assert "; no schedule starts this job nothing" in told


def test_what_waits_for_somebody_says_where_to_look(stage: Helpdesk) -> None:
    stage.configure(digest="another")
    stage.change("ada", disabled="yes")
    told = page(stage, "ada")

    assert ". held: lock ada: status active > locked -- only the changed configuration asks for it" in told
    assert told.endswith("To type iwds plan staff")


def test_a_side_that_is_down_is_named(stage: Helpdesk) -> None:
    stage.source.fail_after = 0
    seen = explained(stage, "ada")

    assert verdict(seen) == ("staff does not answer, so what a run would do cannot be told.", "yellow")
    assert data_of(seen, None)["failed"].keys() == {"staff"}
    assert "Does not answer staff: staff: the reading broke off" in page(stage, "ada")


def test_the_whole_name_of_an_extra_field_is_told_where_there_is_room(stage: Helpdesk) -> None:
    seen = explained(stage, "ada")
    long = replace(seen.fields[0], name="extra department")
    lines = [each.plain for each in explanation_lines(replace(seen, fields=(long,)), None, stage.clock.now())]
    head, line = next((head, line) for head, line in pairwise(lines) if "extra" in line)
    assert line.startswith("  extra department ada ")
    assert head.index("by the mapping") == line.index("ada ")
    assert head.index("on the service") == line.rindex("ada")

"""A batch on a service: one plan of all rows, each row accounted for, and the same file again goes on."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from iwds.core.approval import Approval, Needed
from iwds.core.batch_people import BATCH_REALM
from iwds.core.decision import Reason
from iwds.core.devices import Code
from iwds.core.guards import GuardKind, Limit
from iwds.core.model import Account, Role, Status
from iwds.core.plan import Selection
from iwds.core.policy import Hold, HoldKind
from iwds.core.rulings import Said, approval_of
from iwds.engine.batch import Batch, carry_out_batch, look
from iwds.engine.batch_rows import RowEnd
from iwds.engine.batch_sheet import NAMED, BatchRefused, Sheet, sheet_of
from iwds.engine.leasing import BATCH, UNDO
from iwds.engine.planning import make_plan
from iwds.engine.running import Request, RunReport
from iwds.engine.undo import Wish, run_to_undo, undo
from iwds.errors import ConfigurationError, OutcomeUnknown, Rejected
from iwds.ports import HoldRow
from tests.unit.engine.rehearsal import WIDE, PlainRules, Rehearsal

SECRET = "123456789"
HEAD = "action;login;name;mail;role;groups;group role;activation;reason\n"
REASON = Selection(reason="a mistake")


@dataclass
class Desk:
    """The half of the service that shows codes."""

    stage: Rehearsal
    given: list[tuple[str, int, str]] = field(default_factory=list)

    def create(self, account: Account) -> tuple[int, Code]:
        return self.stage.target.writer().create(account), Code(SECRET)

    def code(self, login: str, login_id: int, code: Code) -> None:
        self.given.append((login, login_id, code.reveal()))


class Stage(Rehearsal):
    """A rehearsal with a file."""

    def __init__(self) -> None:
        super().__init__(lanes=1)
        self.desk = Desk(self)
        self.ended: dict[int, RowEnd] = {}

    def sheet(self, *rows: str, codes: bool = True) -> Sheet:
        text = HEAD + "".join(f"{row}{';' * (8 - row.count(';'))}\n" for row in rows)
        return sheet_of(self.job, "staff.csv", text.encode(), codes)

    def batch(self, *rows: str, **fields: Any) -> Batch:
        self.ended = {}
        given = {"told": lambda end: self.ended.update({end.line: end}), "code": self.desk.code, **fields}
        return Batch(self.job, self.tools, self.sheet(*rows), **given)

    def does(self, *rows: str, adopt: frozenset[int] = frozenset(), **request: Any) -> RunReport:
        self.clock.passed += 3600
        batch = self.batch(*rows, adopt=adopt)
        return carry_out_batch(batch, self.writer, lambda: self.desk, Request(BATCH, **request))  # type: ignore[arg-type,return-value]

    @property
    def outcomes(self) -> list[str]:
        return [self.ended[line].outcome for line in sorted(self.ended)]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    for who in ("ann", "bob"):
        stage.hire(who, ("vpn",), mail=f"{who}@example.org", role="")
    stage.run()
    yield stage
    stage.close()


FILE = ("create;Dan;Lee;dan@x.org;;vpn|wiki;manager;", "create;eve;;eve@x.org;;;;link", "create;fay;;;;;;code;x")


class TestABatch:
    def test_does_what_its_rows_say_and_tells_each(self, stage: Stage) -> None:
        report = stage.does(*FILE, "add;fay;;;;wiki", "add;ann;;;;wiki")
        assert report.exit_code == 0
        assert report.run.summary.startswith("batch staff.csv (")
        assert stage.groups_of("Dan") == {"vpn", "wiki"}
        assert stage.role_in("vpn", "Dan") == Role.MANAGER
        assert stage.groups_of("fay") == {"wiki"}
        assert stage.target.state.mails == [stage.login("eve").id]
        assert stage.outcomes == ["done"] * 5
        assert stage.ended[4] == RowEnd(4, stage.ended[4].action, "fay", stage.login("fay").id, "done", "code", "")
        row = stage.ledger()["dan"]
        assert (row.anchor.realm, row.owner) == (BATCH_REALM, stage.job.policy.provisioning_id)
        assert report.run.report["batch"]["rows"] == {"done": 5}

    def test_is_shown_first_and_changes_nothing(self, stage: Stage) -> None:
        plan = look(stage.batch(*FILE), Request(BATCH))
        assert len(plan.changes) == 6
        assert stage.ended == {}
        assert {"ann", "bob"} == {login.login for login in stage.target.state.logins.values()}

    def test_makes_only_what_was_approved_of_it(self, stage: Stage) -> None:
        plan = look(stage.batch(FILE[0]), Request(BATCH))
        stage.target.state.add("dan")
        report = stage.does(FILE[0], approved=plan)
        assert stage.outcomes == ["held"]
        assert stage.ended[2].message.startswith("taken: ")
        assert report.exit_code == 3

    def test_that_was_seen_and_meanwhile_made_is_done_already(self, stage: Stage) -> None:
        plan = look(stage.batch("update;ann;New"), Request(BATCH))
        stage.by_hand("ann", name="New")
        stage.does("update;ann;New", approved=plan)
        assert stage.outcomes == ["already"]

    def test_shows_codes_to_who_asked_and_to_nobody_else(self, stage: Stage) -> None:
        stage.does(*FILE)
        assert stage.desk.given == [("fay", stage.login("fay").id, SECRET)]
        kept = stage.state._database  # type: ignore[attr-defined]
        with kept.reading() as connection:
            dump = "\n".join(str(line) for line in connection.connection.driver_connection.iterdump())
        assert "fay" in dump
        assert SECRET not in dump
        assert SECRET not in repr(stage.ended)

    def test_says_whose_code_came_in_an_answer_that_was_lost(self, stage: Stage) -> None:
        stage.fail("create", OutcomeUnknown("no answer"), after=True)
        stage.does(FILE[2])
        assert stage.desk.given == []
        assert stage.outcomes == ["done"]
        assert "iwds login code fay" in stage.ended[2].message

    def test_looks_at_no_code_where_nobody_asked(self, stage: Stage) -> None:
        batch = stage.batch("create;gil", code=None)
        carry_out_batch(batch, stage.writer, lambda: stage.desk, Request(BATCH))  # type: ignore[arg-type,return-value]
        assert (stage.desk.given, stage.outcomes) == ([], ["done"])

    def test_is_undone_like_every_run(self, stage: Stage) -> None:
        report = stage.does("create;dan;;;;vpn", "update;ann;New")
        stage.clock.passed += 3600
        done = undo(
            stage.job, stage.tools, stage.writer, run_to_undo(stage.state, report.run.id), Wish(),
            Request(UNDO, REASON),
        )  # fmt: skip
        assert done.report is not None
        assert done.report.exit_code == 0
        assert {"ann", "bob"} == {login.login for login in stage.target.state.logins.values()}
        assert stage.login("ann").name == ""

    def test_that_does_nothing_tells_every_row_too(self, stage: Stage) -> None:
        stage.does(FILE[2])
        report = stage.does(FILE[2])
        assert (report.exit_code, stage.outcomes) == (0, ["already"])
        assert stage.ended[2].message == "its code was not kept; for another one: iwds login code fay"

    def test_that_was_declined_tells_no_row(self, stage: Stage) -> None:
        stage.does(*FILE, confirm=lambda _: False)
        assert stage.ended == {}


class TestTheNextNight:
    def test_locks_nobody_whom_a_batch_made(self, stage: Stage) -> None:
        stage.does("create;dan;;;;vpn")
        stage.clock.passed += 86_400
        report = stage.run()
        assert (report.exit_code, report.plan.changes) == (0, ())
        assert stage.login("dan").status == Status.ACTIVE
        assert stage.groups_of("dan") == {"vpn"}

    def test_gives_nobody_of_the_directory_the_login_that_a_batch_made(self, stage: Stage) -> None:
        stage.does("create;dan")
        stage.hire("dan")
        plan = stage.plan()
        assert {(skip.subject.login, skip.reason) for skip in plan.skips} >= {("dan", Reason.TAKEN)}

    def test_a_batch_says_that_the_directory_answers_for_some(self, stage: Stage) -> None:
        assert (
            "a directory answers for 1 person of this batch"
            in look(stage.batch("update;ann;New", "create;dan"), Request(BATCH)).basis.notes[0]
        )


class TestTheSameFileAgain:
    def test_goes_on_where_it_was_stopped(self, stage: Stage) -> None:
        stop = threading.Event()
        stage.target.state.before = lambda operation: stop.set() if operation == "create" else None
        stage.does(*FILE, "lock;ann", stop=stop)
        stage.target.state.before = lambda _: None
        first = dict(stage.ended)
        assert "not-tried" in stage.outcomes
        stage.does(*FILE)
        assert {self_or(first.get(line), end) for line, end in stage.ended.items()} <= {"done", "already"}
        assert stage.target.state.mails == [stage.login("eve").id]

    def test_does_not_complain_of_whom_it_deleted(self, stage: Stage) -> None:
        stage.does("create;dan", "create;eve")
        assert stage.does("delete;dan", "lock;eve").exit_code == 0
        report = stage.does("delete;dan", "lock;eve")
        assert (report.exit_code, stage.outcomes) == (0, ["already", "already"])

    def test_settles_first_what_is_not_known(self, stage: Stage) -> None:
        stage.fail("create", OutcomeUnknown("no answer"), after=True)
        looks = stage.target.state
        stage.does("create;dan")
        looks.after = lambda _: None
        assert stage.outcomes == ["done"]
        assert stage.does("create;dan").exit_code == 0
        assert stage.outcomes == ["already"]

    def test_mails_nobody_twice_and_says_whose_mail_is_not_known(self, stage: Stage) -> None:
        stage.fail("send_activation", OutcomeUnknown("no answer"), after=True)
        stage.does(FILE[1])
        stage.target.state.after = lambda _: None
        assert stage.outcomes == ["partly"]
        stage.does(FILE[1])
        assert stage.outcomes == ["unknown"]
        assert "iwds login code eve --mail" in stage.ended[2].message
        assert stage.target.state.mails == [stage.login("eve").id]


class TestARow:
    def test_of_which_a_part_failed_is_told_so(self, stage: Stage) -> None:
        stage.fail("add_to_group", Rejected("NOK", "NOK"))
        stage.does("create;dan;;;;vpn")
        assert stage.outcomes == ["partly"]
        assert stage.ended[2].message.startswith("group vpn: ")
        assert stage.ended[2].login_id == stage.login("dan").id

    def test_whose_login_was_not_made_has_no_groups(self, stage: Stage) -> None:
        stage.fail("create", Rejected("NOK", "NOK"))
        stage.does("create;dan;;;;vpn", "add;dan;;;;wiki")
        assert stage.outcomes == ["rejected", "not-tried"]

    def test_about_somebody_else_s_login_is_held(self, stage: Stage) -> None:
        stage.target.state.add("zed")
        stage.does("add;zed;;;;vpn", "lock;ann", "create;dan")
        assert stage.outcomes == ["held", "held", "done"]
        assert "--adopt 0" in stage.ended[2].message
        assert stage.does("add;zed;;;;vpn", adopt=frozenset({0})).exit_code == 0
        assert stage.groups_of("zed") == {"vpn"}

    def test_about_somebody_whom_the_directory_s_run_made_and_our_memory_lacks_is_held(self, stage: Stage) -> None:
        login = stage.login("ann")
        stage.target.state.logins[login.id] = replace(login, login="old")
        stage.target.state.add("ann", created_by=stage.job.policy.provisioning_id)
        report = stage.does("delete;ann", adopt=frozenset({stage.job.policy.provisioning_id}), selection=REASON)
        assert stage.outcomes == ["held"]
        assert [skip.reason for skip in report.plan.skips] == [Reason.HELD]
        assert stage.login("ann")

    def test_that_would_lock_out_the_last_administrators_is_held(self, stage: Stage) -> None:
        stage.does("create;dan;;;administrator", "create;eve;;;administrator", "create;fay")
        stage.does("lock;dan", "lock;fay")
        assert stage.outcomes == ["held", "done"]

    def test_of_the_helpdesk_s_lock_is_held(self, stage: Stage) -> None:
        stage.does("create;dan")
        stage.does("lock;dan")
        service, login = stage.job.target.service, stage.login("dan")
        hold = Hold("kim", "left", None, HoldKind.LOCK)
        stage.state.place_hold(service, HoldRow(login.id, hold, "", stage.clock.now()))
        stage.does("unlock;dan", "update;dan;New")
        assert stage.outcomes == ["held", "done"]
        assert stage.login("dan").status == Status.LOCKED
        stage.does("delete;dan")
        assert stage.outcomes == ["held"]

    def test_of_a_role_in_a_group_is_compared_with_the_role_there(self, stage: Stage) -> None:
        stage.does("create;dan;;;;vpn")
        assert stage.does("add;dan;;;;vpn;administrator").exit_code == 0
        assert stage.role_in("vpn", "dan") == Role.ADMINISTRATOR
        stage.does("add;dan;;;;vpn;administrator")
        assert stage.outcomes == ["already"]


class TestWhatProtectsEveryPlan:
    def test_guards_stop_a_batch(self, stage: Stage) -> None:
        stage.configure(limits={**WIDE, GuardKind.CREATE: Limit(1, 0.0, None)})
        report = stage.does(*FILE)
        assert (report.exit_code, stage.ended) == (3, {})
        assert stage.does(*FILE, selection=Selection(allow={"create": 3}, reason="new team")).exit_code == 0

    def test_approvals_are_asked_for(self, stage: Stage) -> None:
        stage.configure(approval=Approval(Needed.EVERYTHING))
        plan = look(stage.batch("create;dan;;;;vpn"), Request(BATCH))
        stage.does("create;dan;;;;vpn")
        assert stage.outcomes == ["held"]
        now = stage.clock.now()
        said = Said("kim", "desk", "agreed", now, now + timedelta(days=1), "plan", stage.job.name)
        rulings = [approval_of(change, said) for change in plan.unapproved]
        stage.state.place_rulings(stage.job.target.service, rulings)
        assert stage.does("create;dan;;;;vpn").exit_code == 0
        assert stage.groups_of("dan") == {"vpn"}

    def test_what_the_mapping_protects_is_left(self, stage: Stage) -> None:
        stage.configure(rules=PlainRules(protected=frozenset({"dan"})))
        stage.does("create;dan")
        assert stage.ended[2].message == "protected: the mapping protects this login"


class TestAFile:
    def test_is_refused_with_every_complaint_and_nothing_is_asked(self, stage: Stage) -> None:
        with pytest.raises(BatchRefused) as refused:
            stage.sheet("create;Z/e;;;;vpm", "add;bob;;;;vpn;boss", "create;eve;;;;;;link", "lock;x", "unlock;x")
        assert [str(each) for each in refused.value.complaints] == [
            '2: Z/e: login "Z/e" has / (U+002F SOLIDUS), and the service allows only a-z A-Z 0-9 @ \\ . _ - and space',
            '2: Z/e: there is no group "vpm" (did you mean "vpn"?)',
            '3: bob: there is no role "boss" in groups (known: administrator, manager, user)',
            "4: eve: a link needs a mail address to go to",
            "6: x: contradicts line 5: unlock here, lock there",
        ]
        assert refused.value.message.splitlines()[1].startswith("  staff.csv:2: Z/e: ")

    def test_names_the_first_complaints_and_counts_the_rest(self, stage: Stage) -> None:
        with pytest.raises(BatchRefused) as refused:
            stage.sheet(*[f"create;a{n};;;;;;code" for n in range(NAMED + 3)], codes=False)
        lines = refused.value.message.splitlines()
        assert (len(lines), lines[-1]) == (NAMED + 2, "  ... 3 more")
        assert str(refused.value) == "staff.csv: 23 complaints, and nothing is done while one is left"

    def test_about_logins_that_are_not_there_is_refused(self, stage: Stage) -> None:
        before = dict(stage.target.state.logins)
        with pytest.raises(BatchRefused) as refused:
            stage.does("create;dan", "lock;nobody", "delete;nobody2")
        assert [each.line for each in refused.value.complaints] == [3, 4]
        assert stage.target.state.logins == before

    def test_may_be_about_a_login_that_no_one_may_be_called_by_now(self, stage: Stage) -> None:
        stage.target.state.add("zo/e")
        assert stage.does("add;zo/e;;;;vpn", adopt=frozenset({0})).exit_code == 0
        assert stage.groups_of("zo/e") == {"vpn"}


def self_or(first: RowEnd | None, end: RowEnd) -> str:
    """How a row ended that was done in the first or in the second run."""
    return first.outcome if first is not None and end.outcome == "already" else end.outcome


def test_a_job_without_sources_reads_nobody(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="no sources"):
        make_plan(replace(stage.job, sources=()), stage.tools)

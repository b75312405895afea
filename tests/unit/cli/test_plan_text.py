"""A plan on the screen: 40 lines of 80 columns whatever its size, both sides to the last person, and the ways on."""

import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from iwds.cli.change_text import change_line
from iwds.cli.page import LINES, cut, flowing, hanging, listed, paragraphs, printable, wrapped
from iwds.cli.plan_facts import logins_column, people_column
from iwds.cli.plan_text import plan_lines
from iwds.core.approval import Approval, Needed
from iwds.core.assembly import Facts, assemble
from iwds.core.batch_people import BATCH_REALM
from iwds.core.causes import Cause
from iwds.core.change import (
    AddToGroup,
    Adopt,
    AdoptMembership,
    Change,
    CreateLogin,
    DeleteLogin,
    Evidence,
    Forget,
    RemoveFromGroup,
    SendActivation,
    SetGroupRole,
    Subject,
    Write,
)
from iwds.core.decide import decide
from iwds.core.decision import Reason, Skip
from iwds.core.guards import DEFAULTS, Gauge, GuardKind, Populations
from iwds.core.join import join
from iwds.core.matching import Match, Tally
from iwds.core.model import Account, Anchor, Group, Login, Proof, Role
from iwds.core.plan import Basis, Plan, Selection
from iwds.core.rulings import Rulings
from tests.property.worlds import OURS, Readings, readings
from tests.unit.core.made import create, login, write

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

# Names of every width: two columns, none, right to left, and what a terminal would obey.
names = st.text(
    st.sampled_from("abcXYZ .,_-@\\'[]/é東京森आरवעברית\u0301\u200d😀") | st.sampled_from("\n\r\t\x1b\x07\u202e\u2028"),
    min_size=1,
    max_size=60,
)
short = st.sampled_from(("vpn", "wiki", "mail", "東京-office", "[bold]x[/]", "C:\\"))
groups = st.builds(Group, st.integers(1, 9), names)
subjects = st.builds(Subject, names, st.builds(Anchor, short, names), st.none() | st.integers(1, 10**6))
logins = st.builds(
    Login,
    id=st.integers(1, 10**6),
    login=names,
    firstname=names,
    name=names,
    mail=names,
    role=st.sampled_from((0, 1, 2)),
    status=st.sampled_from((0, 1)),
    created_by=st.just(OURS),
)
accounts = st.builds(
    Account, st.builds(Anchor, short, names), names, names, names, names, role=st.sampled_from(tuple(Role))
)


@st.composite
def writes(draw: st.DrawFn) -> Write:
    before = draw(logins)
    changed = {"login": draw(names), "status": 1 - (before.status or 0), "role": 2 - (before.role or 0), "mail": ""}
    kept = draw(st.sets(st.sampled_from(sorted(changed)), min_size=1))
    some: dict[str, Any] = {name: changed[name] for name in kept}
    after = replace(before, **some, firstname=f"{before.firstname}!")
    return Write(draw(subjects), before, after, draw(names), draw(evidence))


roles = st.integers(0, 3)
role_names = st.just(()) | st.builds(lambda name: ((3, name), (4, name)), names)
evidence = st.none() | st.sampled_from(tuple(Evidence))
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(CreateLogin, subjects, accounts, names),
    writes(),
    st.builds(DeleteLogin, subjects, logins, st.just(()), names, evidence),
    st.builds(AddToGroup, subjects, groups, names, role=st.none() | roles, names=role_names),
    st.builds(SetGroupRole, subjects, groups, roles, st.integers(4, 9), names, evidence, role_names),
    st.builds(RemoveFromGroup, subjects, groups, names, evidence),
    st.builds(Adopt, subjects, logins, st.just(()), names),
    st.builds(AdoptMembership, subjects, groups, names),
    st.builds(SendActivation, subjects, names),
    st.builds(Forget, subjects, names, group=st.none() | groups),
)
skips = st.builds(Skip, subjects, st.sampled_from(tuple(Reason)), names, st.none() | changes)
proofs = st.builds(
    Proof,
    name=names,
    realm=short,
    asked=short,
    count=st.integers(0, 10**7),
    reasons=st.lists(names, max_size=3).map(tuple),
    problems=st.lists(names, max_size=6).map(tuple),
    taken_at=st.just(NOON),
)
gauges = st.builds(
    Gauge,
    kind=st.sampled_from(tuple(GuardKind)),
    of=st.just("") | names,
    observed=st.integers(0, 10**6),
    recent=st.integers(0, 10**6),
    limit=st.integers(0, 10**6),
    population=st.integers(0, 10**7),
    causes=st.dictionaries(names | st.sampled_from((*Cause, "rule staff.yaml:14")), st.integers(1, 10**6), max_size=8),
    allowed=st.none() | st.integers(0, 10**6),
)
counts = st.integers(0, 10**6)
tallies = st.builds(
    Tally,
    people=counts,
    logins=counts,
    retagged=st.sampled_from((0, 7)),
    absent=st.dictionaries(st.sampled_from(("out-of-scope", "excluded", "invalid", "duplicate")), counts),
)
bases = st.builds(
    Basis,
    sources=st.lists(proofs, min_size=1, max_size=20).map(tuple),
    service=proofs,
    tally=tallies,
    config_digest=st.just("d"),
    config_changed=st.booleans(),
    first_run=st.booleans(),
    gauges=st.lists(gauges, max_size=25).map(tuple),
    agreed=counts,
    matched=counts,
    notes=st.lists(names, max_size=6).map(tuple),
)
plans = st.builds(
    Plan,
    id=st.just("3f9c12ab"),
    job=names,
    service=names,
    made_at=st.just(NOON),
    changes=st.lists(changes, max_size=30).map(tuple),
    skips=st.lists(skips, max_size=40).map(tuple),
    basis=bases,
)


def proof(name: str = "corp", **fields: Any) -> Proof:
    plain = {"realm": "r", "asked": "all", "count": 1, "reasons": ("it says so",), "problems": (), "taken_at": NOON}
    return Proof(name, **{**plain, **fields})


def basis(**fields: Any) -> Basis:
    plain = {
        "sources": (proof(),),
        "service": proof("service"),
        "tally": Tally(people=1, logins=1),
        "config_digest": "d",
        "config_changed": False,
        "first_run": False,
    }
    return Basis(**{**plain, **fields})


def plan(made: Iterable[Change] = (), left: Iterable[Skip] = (), **fields: Any) -> Plan:
    return Plan("3f9c12ab", "nightly", "mfa#1", NOON, tuple(made), tuple(left), basis(**fields))


def lock(number: int, proof: Evidence = Evidence.SEEN, because: str = "disabled in the directory") -> Write:
    before = Login(number, f"user{number}", "A", "B", "", "", 0, 0, "", OURS)
    subject = Subject(before.login, Anchor("r", str(number)), number)
    return Write(subject, before, replace(before, status=1), because, proof)


def gauge(kind: GuardKind, observed: int, limit: int = 3, of: str = "", **fields: Any) -> Gauge:
    return Gauge(kind, of, observed, 0, limit, 100, **fields)


def page(made: Plan, *, report_only: bool = False, show_next: bool = True) -> list[str]:
    """The lines as they are printed where nobody looks: to a file or a mail."""
    console = Console(file=StringIO(), soft_wrap=True, highlight=False, emoji=False)
    for line in plan_lines(made, report_only=report_only, show_next=show_next):
        console.print(line)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in written
    return str(written).removesuffix("\n").split("\n")


class TestEveryPage:
    @settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(plans, st.booleans())
    def test_fits_40_lines_of_80_columns(self, made: Plan, report_only: bool) -> None:
        lines = page(made, report_only=report_only)
        assert len(lines) <= LINES
        assert [line for line in lines if cell_len(line) > 80] == []

    @settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(plans, st.booleans())
    def test_says_how_to_see_all_of_it(self, made: Plan, report_only: bool) -> None:
        text = "\n".join(page(made, report_only=report_only))
        if made.violations:
            assert "HELD: nothing was changed." in text
        assert ("iwds apply" in text) <= (not report_only)
        assert made.id in text

    @settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(plans)
    def test_names_a_reading_that_is_not_believed(self, made: Plan) -> None:
        lines = page(made)
        assert any("Can the readings be believed?" in line for line in lines)
        assert any(line.startswith("   NO") for line in lines) is (
            not (made.basis.service.proven and all(proof.proven for proof in made.basis.sources))
        )

    @settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(plans)
    def test_counts_every_change_once(self, made: Plan) -> None:
        lines = page(made)
        heads = [index for index, line in enumerate(lines) if line.startswith("What would change")]
        if made.violations or not made.changes:
            assert heads == []
            return
        rows = [line for line in lines[heads[0] + 1 :] if re.fullmatch(r"  \S.*\s[\d,]+\s+[\d,]+", line)]
        expected = sum(int(line.split()[-1].replace(",", "")) for line in rows)
        saved = next(line for line in lines if line.startswith("Saved as"))
        assert f"{expected:,} call" in saved or expected == 0


class TestTheColumns:
    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(readings())
    def test_add_up_to_their_heads(self, given_: Readings) -> None:
        made = planned(given_)
        people, logins_ = people_column(made), logins_column(made)
        assert sum(n for n, _ in people) == made.basis.tally.people
        assert sum(n for n, _ in logins_) == made.basis.tally.logins
        assert all(n > 0 for n, _ in (*people, *logins_))

    def test_a_login_that_another_job_keeps_is_counted_once_though_it_is_matched_too(self) -> None:
        left = [Skip(Subject("ann", None, 7), Reason.FOREIGN, "kept by the job with provisioningId 30")]
        made = plan([], left, tally=Tally(people=1, logins=1), matched=1)
        assert logins_column(made) == [(1, "matched to one person")]

    def test_who_was_made_by_a_batch_is_not_told_to_be_foreign(self) -> None:
        left = [
            Skip(Subject("kiosk", Anchor(BATCH_REALM, "kiosk"), 7), Reason.FOREIGN, "made by a batch"),
            Skip(Subject("ada", None, 8), Reason.FOREIGN, "made in the console"),
        ]
        made = plan([], left, tally=Tally(people=0, logins=2), matched=0)
        assert logins_column(made) == [(1, "made by a batch"), (1, "foreign: not ours")]


def planned(given_: Readings) -> Plan:
    """The plan that the core makes of these readings, with the sums of the engine."""
    cases, tally = join(given_.people, given_.rows, given_.logins, given_.members, given_.world)
    agreed = tally.people - sum(tally.absent.values()) - sum(case.account is not None for case in cases)
    ours = sum(case.match is Match.OURS for case in cases)
    facts = Facts(
        basis(tally=tally, agreed=agreed, matched=agreed + ours),
        Populations(9, tally.members, {}, {}),
        DEFAULTS,
        Rulings(),
    )
    decisions = [decision for case in cases for decision in decide(case, given_.world)]
    return assemble(("3f9c12ab", "nightly", "mfa#1", NOON), decisions, facts, Selection())


class TestABigPlan:
    @pytest.fixture
    def big(self) -> Plan:
        subjects_ = [Subject(f"user{number}", Anchor("r", str(number)), number) for number in range(1_000)]
        made: list[Change] = [lock(number) for number in range(500)]
        made += [CreateLogin(s, Account(s.anchor or Anchor("", ""), s.login), "new") for s in subjects_[500:]]
        made += [AddToGroup(s, Group(n % 9, f"group-{n % 9}"), "because") for n, s in enumerate(subjects_)]
        made += [RemoveFromGroup(s, Group(1, "vpn"), "not any more", Evidence.SEEN) for s in subjects_[:50]]
        left = [
            Skip(s, reason, f"{reason.value} for a long and winding reason of which number {n % 7} is an example")
            for reason in Reason
            for n, s in enumerate(subjects_[:20])
        ]
        sources = tuple(proof(f"directory-{n}") for n in range(3))
        counts = Tally(people=1_000, logins=500)
        return plan(made, left, tally=counts, matched=500, sources=sources, config_changed=True)

    def test_shows_every_kind_with_its_sums(self, big: Plan) -> None:
        lines = page(big)
        assert any(re.fullmatch(r"  lock +disabled in the directory +500 +1,000", line) for line in lines)
        assert any(re.fullmatch(r"  create +inactive activation +500 +500", line) for line in lines)
        assert any(re.fullmatch(r"  add +group-0 112, .*\d more +1,000 +1,000", line) for line in lines)

    def test_shortens_its_reasons_and_says_how_many_there_are_more(self, big: Plan) -> None:
        lines = page(big)
        told = lines[lines.index("Left alone, and why") + 1 :]
        reasons = [line for line in told if re.match(r"      20  ", line)]
        hidden = next(int(match[1]) for line in told if (match := re.search(r"\.\.\. (\d+) more reasons", line)))
        assert len(reasons) + hidden == len(Reason)

    def test_breaks_no_word(self, big: Plan) -> None:
        lines = page(big)
        assert not any(re.search(r"\w…", line) for line in lines if line.startswith(("  add", "  lock", "Guards")))


class TestManySources:
    def test_are_one_number_in_the_head_and_the_doubtful_one_comes_first(self) -> None:
        sources = (*(proof(f"directory-{n}", count=1_000) for n in range(30)), proof("broken", problems=("it broke",)))
        lines = page(plan(sources=sources, tally=Tally(people=30_001, logins=1)))
        assert "31 sources -> MFA service mfa#1" in lines[0]
        first = lines[lines.index("Can the readings be believed?") + 1]
        assert first == "   NO  broken: 1 person; it broke"
        assert any(re.search(r"28 more sources: 28,000 people; all believed", line) for line in lines)


class TestARefusal:
    def refusal(self, *violations: Gauge, **fields: Any) -> str:
        made = plan([lock(n) for n in range(5)], gauges=violations, **fields)
        return "\n".join(page(made))

    def test_names_guard_number_limit_and_causes(self) -> None:
        text = self.refusal(gauge(GuardKind.LOCK, 557, 55, causes={"unseen: no longer in the directory": 557}))
        assert text.startswith("HELD: nothing was changed.")
        assert "lock: 557, the limit is 55 (of 100). Why:\n     557  unseen: no longer in the directory" in text

    def test_counts_what_was_applied_in_the_hours_before_beside_the_plan_whose_causes_add_up(self) -> None:
        text = self.refusal(replace(gauge(GuardKind.LOCK, 2, causes={"as it is": 2}), recent=3))
        assert "lock: 2 and 3 in the last 20 hours, the limit is 3 (of 100). Why:\n       2  as it is" in text
        assert "already" not in text

    def test_what_was_allowed_is_measured_by_the_plan_alone(self) -> None:
        assert "lock: 5, 4 are allowed" in self.refusal(replace(gauge(GuardKind.LOCK, 5, allowed=4), recent=3))

    def test_gives_the_commands_that_lead_on(self) -> None:
        text = self.refusal(gauge(GuardKind.LOCK, 557), gauge(GuardKind.VANISHED, 602, of="corp"))
        assert "iwds show 3f9c12ab lock --all" in text
        assert "iwds apply 3f9c12ab --only seen" in text
        assert 'iwds apply 3f9c12ab --allow lock=557 --allow vanished=602 --reason "..."' in text

    def test_a_command_over_several_lines_is_one_that_a_shell_takes(self) -> None:
        text = self.refusal(*(gauge(kind, 100_000) for kind in GuardKind))
        tail = text.partition("allow exactly this, once\n")[2]
        command = tail.replace("\\\n", " ").split()
        assert command[:3] == ["iwds", "apply", "3f9c12ab"]
        assert command.count("--allow") == len(GuardKind)
        assert command[-2:] == ["--reason", '"..."']
        assert "\\\\" not in text

    def test_what_the_configuration_asks_for_needs_its_gate_opened_too(self) -> None:
        held = [Skip(lock(n).subject, Reason.HELD, "changed", lock(n, Evidence.RULE)) for n in range(9)]
        text = "\n".join(page(plan([], held, gauges=(gauge(GuardKind.LOCK, 9),))))
        assert "--allow lock=9 --allow out-of-scope=9" in text

    def test_nothing_overrides_a_reading_that_is_not_believed(self) -> None:
        text = self.refusal(gauge(GuardKind.LOCK, 557), sources=(proof(problems=("half of it is missing",)),))
        assert "half of it is missing" in text
        assert "--allow" not in text
        assert "iwds run nightly" in text

    def test_of_a_job_that_only_reports_offers_no_way_to_write(self) -> None:
        text = "\n".join(page(plan([lock(1)], gauges=(gauge(GuardKind.LOCK, 9),)), report_only=True))
        assert "REPORT ONLY" in text
        assert "iwds apply" not in text

    def test_what_a_person_allowed_and_was_not_enough_is_named(self) -> None:
        assert "lock: 557, 10 are allowed" in self.refusal(gauge(GuardKind.LOCK, 557, allowed=10))


class TestWaysOn:
    def text(self, *left: Skip, now: datetime | None = None, **fields: Any) -> str:
        made = replace(
            plan([lock(1)], left, gauges=(gauge(GuardKind.LOCK, 4),), **fields), valid_until=NOON + timedelta(hours=72)
        )
        return "\n".join(line.plain for line in plan_lines(made, now=now))

    @pytest.mark.parametrize("reason", [Reason.REJECTED, Reason.EXEMPT, Reason.TAKEN, Reason.UNAPPROVED, Reason.MOVED])
    def test_count_nothing_that_no_choice_lets_through(self, reason: Reason) -> None:
        left = Skip(lock(2).subject, reason, "why", lock(2))
        assert "take only what was seen (1) " in self.text(left)

    def test_count_what_waits_for_a_choice(self) -> None:
        left = Skip(lock(2).subject, Reason.UNPROVEN, "why", lock(2))
        assert "take only what was seen (2) " in self.text(left)

    @pytest.mark.parametrize(
        ("ordered", "command"),
        [
            ("undo of run 8812aa01", "iwds undo 8812aa01 --allow lock=4 --reason"),
            ("drift put back", "iwds drift nightly --revert --allow lock=4 --reason"),
        ],
    )
    def test_of_what_somebody_ordered_are_to_order_it_again(self, ordered: str, command: str) -> None:
        text = self.text(ordered=ordered)
        assert command in text
        assert "iwds apply" not in text

    def test_of_a_plan_that_has_ended_are_to_make_a_new_one(self) -> None:
        assert "iwds plan nightly" not in self.text(now=NOON + timedelta(hours=71))
        text = self.text(now=NOON + timedelta(hours=72))
        assert "iwds plan nightly" in text
        assert "iwds apply" not in text


def test_a_plan_that_has_ended_offers_no_apply() -> None:
    made = replace(plan([lock(1)]), valid_until=NOON + timedelta(hours=72))
    assert "good until Wed 25 Nov 2026 12:00" in "\n".join(page(made))
    assert "iwds apply 3f9c12ab" in "\n".join(line.plain for line in plan_lines(made, now=NOON))
    text = "\n".join(line.plain for line in plan_lines(made, now=NOON + timedelta(hours=72)))
    assert "was good until Wed 25 Nov 2026 12:00" in text
    assert "iwds plan nightly" in text
    assert "iwds apply" not in text


class TestTheGuards:
    def text(self, *gauges: Gauge, **fields: Any) -> str:
        return "\n".join(page(plan([lock(1)], gauges=gauges, **fields)))

    def test_count_what_was_applied_before_in(self) -> None:
        assert "Guards, all clear:  lock 1+2/3  (+: made in the last 20 hours)" in self.text(
            replace(gauge(GuardKind.LOCK, 1), recent=2)
        )

    def test_one_that_is_used_up_is_not_called_clear(self) -> None:
        text = self.text(gauge(GuardKind.LOCK, 1), replace(gauge(GuardKind.PROMOTE, 0, 1), recent=2))
        assert "Guards, none trips:  lock 1/3  promote 0, 2 of 1 in the last 20 hours" in text

    def test_limits_that_a_person_lifts_are_named_with_their_numbers_and_the_reason(self) -> None:
        gauges = (
            gauge(GuardKind.LOCK, 557, 55, allowed=557),
            gauge(GuardKind.VANISHED, 602, 120, of="corp", allowed=700),
            gauge(GuardKind.CREATE, 2, 50),
        )
        chosen = Selection(allow={"lock": 557, "vanished": 700, "out-of-scope": 12}, reason="the Lyon office closes")
        text = self.text(*gauges, selection=chosen)
        assert "Guards, the others clear:  create 2/50\n" in text
        assert (
            "Limits lifted for this plan: the Lyon office closes\n"
            "  lock: 557, the limit is 55, 557 are allowed\n"
            "  out-of-scope: 0, 12 are allowed\n"
            "  vanished of corp: 602, the limit is 120, 700 are allowed"
        ) in text


def test_what_a_changed_configuration_takes_waits_whatever_changed() -> None:
    text = "\n".join(page(plan([lock(1)], config_changed=True, aspects=("mapping", "sources"))))
    assert "What only the changed mapping, sources would take away waits." in text


class TestWhatComesNext:
    def test_a_plan_with_nothing_to_do_says_so(self) -> None:
        assert "Nothing to do." in page(plan())

    def test_removals_that_wait_for_the_configuration_come_with_the_command_that_lets_them_go(self) -> None:
        held = [Skip(lock(n).subject, Reason.HELD, "changed", lock(n, Evidence.RULE)) for n in range(9)]
        text = "\n".join(page(plan([], held, config_changed=True)))
        assert "Nothing is changed." in text
        assert "  iwds apply 3f9c12ab --only rule --allow out-of-scope=9 \\\n" in text

    def test_what_waits_for_approval_comes_with_the_command_that_gives_it(self) -> None:
        left = [Skip(lock(1).subject, Reason.UNAPPROVED, "nobody approved it yet", lock(1, Evidence.RULE))]
        text = "\n".join(page(plan([], left)))
        assert "1 change waits for approval:\n  iwds approve 3f9c12ab --all --reason ..." in text
        assert "out-of-scope" not in text
        two = basis(approval=Approval(Needed.REMOVALS, 0), to_approve=1)
        assert "1 change waits for the approval of two people:" in "\n".join(page(replace(plan([], left), basis=two)))

    def test_the_way_out_is_not_cut_where_the_page_has_room(self) -> None:
        words = "the service allows only a-z and space: " + "correct it in the directory, map another attribute, " * 3
        text = " ".join(" ".join(page(plan([], [Skip(Subject("x"), Reason.INVALID, words + "end")]))).split())
        assert "another attribute, end)" in text
        note = "the mail of 5 people is taken for unreadable in this run, so nothing follows from it. " * 2
        noted = " ".join(" ".join(page(plan(notes=(note + "Look at it: iwds check",)))).split())
        assert "Look at it: iwds check" in noted
        problem = "the account may not see a part of the tree any more, and nobody there is believed to be gone: " * 2
        doubted = page(plan(sources=(proof(problems=("it broke", problem + "let it")),)))
        assert "let it" in " ".join(" ".join(doubted).split())

    def test_people_left_alone_are_named_where_they_are_few(self) -> None:
        left = [Skip(Subject(name), Reason.FOREIGN, "made in the console") for name in ("root", "adele")]
        assert "       2  foreign: root, adele (made in the console)" in page(plan([], left))

    def test_somebody_disabled_who_never_had_a_login_is_counted_among_the_people_alone(self) -> None:
        never = [Skip(Subject("x"), Reason.POLICY, "disabled or expired")]
        assert people_column(plan([], never)) == [(1, "disabled, never had a login")]
        assert "Left alone, and why" not in page(plan([], never))


class TestText:
    @given(names, st.integers(10, 100))
    def test_cut_text_fits_and_is_one_line(self, text: str, width: int) -> None:
        assert cell_len(cut(text, width)) <= width
        assert cut(text, width).isprintable() or "\u200d" in text

    @given(st.text("ab東 ", max_size=200), st.integers(10, 40), st.integers(1, 5))
    def test_wrapped_text_fits_and_loses_only_its_end(self, text: str, width: int, most: int) -> None:
        lines = wrapped(text, width, most)
        assert len(lines) <= most
        assert all(cell_len(line) <= width for line in lines)
        if not any(line.endswith("…") for line in lines):
            assert " ".join(lines).split() == text.split()

    @given(st.lists(names, min_size=1, max_size=8), st.integers(20, 80))
    def test_a_list_fits_and_says_how_many_are_missing(self, items: list[str], width: int) -> None:
        assert cell_len(listed(items, width)) <= width

    def test_a_list_is_cut_between_its_items(self) -> None:
        assert listed(["alpha", "beta", "gamma", "delta"], 20) == "alpha, beta, 2 more"

    def test_text_beside_a_head_goes_on_below_itself(self) -> None:
        assert hanging("head: ", "word " * 20)[1].startswith("      word")

    def test_a_name_cannot_command_the_terminal(self) -> None:
        assert printable("a\x1b[31mb\nc\u202ed") == "a\ufffd[31mb\ufffdc\ufffdd"

    def test_brackets_and_backslashes_are_printed_as_they_are(self) -> None:
        change = AddToGroup(Subject("CORP\\[x]"), Group(1, "[red]vpn\\"), "")
        assert change_line(change).plain == "    + add CORP\\[x] to [red]vpn\\"

    def test_flowing_text_loses_and_breaks_no_word(self) -> None:
        text = "a " * 60 + "/" * 100 + " b"
        lines = flowing(text, 6)
        assert " ".join(line.strip() for line in lines) == text
        assert lines[1].startswith("      a")
        assert max(len(line) for line in lines if "/" not in line) <= 80

    def test_a_message_on_a_terminal_breaks_neither_a_path_nor_a_command_and_in_a_pipe_no_line(self) -> None:
        command = "iwds apply fc034084 --only rule --allow out-of-scope=12 --reason TEXT"
        path = "/very/long/" + "folder/" * 12 + "config.yaml:12"
        text = f"{path}: this is wrong in many words\nlet it go on purpose, as you may: {command}, or leave it as it is"
        terminal, pipe = (Console(file=StringIO(), force_terminal=each) for each in (True, False))

        assert paragraphs(text, pipe) == text
        lines = paragraphs(text, terminal).splitlines()
        assert lines[:3] == [f"{path}:", "this is wrong in many words", "let it go on purpose, as you may:"]
        assert lines[3:] == [f"{command}, or leave", "it as it is"]
        assert max(len(line) for line in lines[1:]) <= 80

    def test_a_line_of_a_list_goes_on_below_its_own_words(self) -> None:
        terminal = Console(file=StringIO(), force_terminal=True)
        lines = paragraphs("two complaints\n  a.csv:4: " + "word " * 20 + "\n  a.csv:5: short", terminal).splitlines()
        assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 2]

    def test_what_is_told_cannot_command_the_terminal(self) -> None:
        assert paragraphs("a\x1b[2Jb", Console(file=StringIO(), force_terminal=True)) == "a\ufffd[2Jb"

    def test_a_reason_is_cut_as_long_as_enough_of_it_is_left(self) -> None:
        because = "out of scope: a trial that ended (sample-company.yaml:33)"
        assert change_line(lock(1, because=because)).plain.endswith("locked  -- out of scope: a trial that ended")
        longer = because.replace("ended", "ended and was begun anew")
        assert change_line(lock(1, because=longer)).plain.endswith("-- out of scope: a trial that ended a…")
        assert "sample" not in "\n".join(page(plan([lock(1, because=because)])))
        assert "lock         out of scope: a trial that ended  " in "\n".join(page(plan([lock(1, because=because)])))

    def test_the_reason_gives_way_before_the_change_does(self) -> None:
        change = AddToGroup(Subject("x" * 40), Group(1, "vpn"), "a reason that does not fit beside it")
        assert change_line(change).plain == f"    + add {'x' * 40} to vpn"


def test_of_several_that_wait_the_words_are_plural() -> None:
    def skip(why: str, change: Change) -> Skip:
        return Skip(change.subject, Reason.REJECTED, why, change)

    locks = [skip("rejected by kim", write(login(n, f"p{n}"), status=1)) for n in range(3)]
    told = " ".join(" ".join(page(plan(left=[*locks, skip("rejected by zoe", create("dee"))]))).split())
    assert "3 locks wait: rejected by kim" in told
    assert "1 create waits: rejected by zoe" in told


def test_a_pipe_gets_no_colour_and_a_terminal_does() -> None:
    code = (
        "from iwds.cli.console import out; from rich.text import Text;"
        "out.print(Text('yes', style='green')); out.print('[bold]x[/]')"
    )
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={}, check=True)
    assert plain.stdout == "yes\nx\n"
    forced = {"FORCE_COLOR": "1", "TERM": "xterm"}
    colour = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=forced, check=True)
    assert "\x1b[32myes" in colour.stdout
    none = {**forced, "NO_COLOR": "1"}
    bare = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=none, check=True)
    assert "\x1b[32m" not in bare.stdout

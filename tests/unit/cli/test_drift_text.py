"""Drift in words: a page that fits, whatever has to be told."""

from datetime import UTC, datetime, timedelta

import pytest

from iwds.cli.drift_text import (
    difference,
    drift_data,
    drift_page,
    kept_lines,
    next_words,
    people_named,
    report_lines,
    since_words,
    wrong_in_directory,
)
from iwds.cli.spreadsheet import cell
from iwds.core.change import CreateLogin, Subject
from iwds.core.drift import IN, OUT, Drift, DriftKind, How, Moment, Since, Trace
from iwds.core.drift_next import Next, Then
from iwds.core.model import Account, Anchor, Group, LedgerRow, Login, Origin
from iwds.core.rulings import Said, rejection_of
from iwds.engine.drift import Asked, Found, Survey
from iwds.engine.drift_keep import Keeping

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GROUP = Group(1, "a group with a long name indeed, and then some")
DRIFTS = {
    DriftKind.ROLE: Drift(DriftKind.ROLE, "role", 2, mark="x"),
    DriftKind.GROUP_ROLE: Drift(DriftKind.GROUP_ROLE, "role in 1", 2, 1, group=GROUP),
    DriftKind.UNLOCKED: Drift(DriftKind.UNLOCKED, "status", 0, mark="x"),
    DriftKind.JOINED: Drift(DriftKind.JOINED, "group 1", IN, OUT, group=GROUP),
    DriftKind.TAG: Drift(DriftKind.TAG, "tag", 0, 20),
    DriftKind.STRANGER: Drift(DriftKind.STRANGER, "login", "eve", "ann"),
    DriftKind.GONE: Drift(DriftKind.GONE, "login", None, "ann"),
    DriftKind.LOCKED: Drift(DriftKind.LOCKED, "status", 1, mark="x"),
    DriftKind.RENAMED: Drift(DriftKind.RENAMED, "login", "eve", "ann"),
    DriftKind.LEFT: Drift(DriftKind.LEFT, "group 1", OUT, IN, group=GROUP),
    DriftKind.FIELD: Drift(DriftKind.FIELD, "mail", "long.address@of.a.company.example\x1b[31m" * 3, mark="x"),
}
WAS = {DriftKind.ROLE: 0, DriftKind.GROUP_ROLE: 1, DriftKind.UNLOCKED: 1, DriftKind.LOCKED: 0, DriftKind.TAG: 20}
STEP = Next(Then.LEAVES, "x", "mode: if-empty, which is said at some length here, longer than a line can hold it")


def found(kind: DriftKind, number: int = 1, step: Next | None = STEP, kept: str = "") -> Found:
    name = f"somebody.with.a.very.long.name.{number}@company.example"
    row = LedgerRow(number, Anchor("here", str(number)), 20, Origin.CREATED, name)
    login = None if kind is DriftKind.GONE else Login(number, name)
    when = Since(Moment(NOON, "8812aa01"), Moment(NOON + timedelta(days=1)))
    trace = Trace(kind is not DriftKind.FIELD, WAS.get(kind, "ann"), How.ADOPTED)
    return Found(row, login, DRIFTS[kind], trace, when, kept, next=step, entry=f"cn={number}|<b>")


def survey(each: int) -> Survey:
    all_ = [found(kind, number) for kind in DriftKind for number in range(each)]
    kept = [found(DriftKind.ROLE, 99, kept="rejected by kim until …: she asked")]
    return Survey("mfa.example.org#1", NOON, 12_000, 11_000, [*all_, *kept], 3, 2, (0, 7), ("vpm",))


@pytest.mark.parametrize("each", [1, 2, 5, 400])
def test_a_page_fits_whatever_is_on_it(each: int) -> None:
    made = survey(each)
    lines = [line.plain for line in drift_page(made, "nightly", people_named(made), False)]
    assert len(lines) <= 40
    assert all(len(line) <= 80 for line in lines)
    assert not any("\x1b" in line for line in lines)
    for kind in DriftKind:
        assert any(line.startswith(f"{each:,}  ") for line in lines), kind
    assert "1 difference kept, as somebody decided: --all lists them" in lines


def test_all_is_longer_and_has_what_is_kept() -> None:
    made = survey(9)
    lines = [line.plain for line in drift_page(made, "nightly", people_named(made, True), True)]
    assert len(lines) > 99
    assert "1  kept, as somebody decided" in lines


def test_what_can_be_done_is_never_cut() -> None:
    made = Survey("mfa#1", NOON, 3, 2, [found(DriftKind.ROLE)], asked=Asked(who="x" * 30, group="g" * 30))
    lines = [line.plain for line in drift_page(made, "nightly", people_named(made), False)]
    told = lines[lines.index("Next") :]
    name = made.found[0].name
    assert f"    iwds explain {name}" in told
    assert not any("…" in line for line in told)
    assert f'iwds drift nightly --keep {name} \\ --group {"g" * 30} --reason "..."' in " ".join(" ".join(told).split())


def test_no_drift_is_said_in_two_lines() -> None:
    lines = [
        line.plain for line in drift_page(Survey("mfa#1", NOON, 3, 2), "nightly", people_named(Survey("", NOON)), False)
    ]
    assert lines[0] == "nightly: every login of ours is as we last wrote it"
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("asked", "kept", "words"),
    [
        (Asked(), True, "but for what is kept, every login of ours is as we last wrote it"),
        (Asked(who="ann"), False, "ann is as we last wrote it; nobody else was looked at"),
        (Asked(who="ann"), True, "but for what is kept, ann is as we last wrote it; nobody else was looked at"),
        (Asked(what="mail"), False, "nothing of --field mail differs from what we last wrote"),
        (Asked(since=NOON), False, "nothing differs from what we last wrote in that time"),
    ],
)
def test_no_drift_is_said_of_what_was_looked_at(asked: Asked, kept: bool, words: str) -> None:
    held = [found(DriftKind.ROLE, kept="rejected by kim")] if kept else []
    made = Survey("mfa#1", NOON, 3, 2, held, asked=asked)
    lines = [line.plain for line in drift_page(made, "nightly", people_named(made), False)]
    assert " ".join(lines[:2]).startswith(f"nightly: {words}")


def test_what_can_be_done_is_about_what_was_asked_for() -> None:
    made = Survey("mfa#1", NOON, 3, 2, [found(DriftKind.ROLE)], asked=Asked(who="#7", what="extra KEY"))
    text = "\n".join(line.plain for line in drift_page(made, "nightly", people_named(made), True))
    assert "iwds drift nightly --revert --login '#7' --field 'extra KEY' --dry-run" in text
    assert "iwds drift nightly --adopt --login '#7' --field 'extra KEY'" in text


def test_each_difference_is_said_in_its_own_words() -> None:
    said = {kind: difference(found(kind)) for kind in DriftKind}
    assert said[DriftKind.ROLE] == "role user > administrator"
    assert said[DriftKind.LOCKED] == "status active > locked"
    assert said[DriftKind.TAG] == "tag 20 > 0"
    assert said[DriftKind.LEFT] == f"not in {GROUP.name} any more"
    assert said[DriftKind.GONE] == "#1 is gone"
    assert said[DriftKind.FIELD].startswith("mail (not known any more) > long")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Next(Then.PUTS_BACK, "a"), "the next run puts it back"),
        (Next(Then.WRITES, "b"), "the next run writes b"),
        (Next(Then.AGREES, "b"), "the directory agrees with the service"),
        (Next(Then.WAITS, "b", "held"), "a run would write b, and that waits: held"),
        (Next(Then.LEAVES, None, "mode: if-empty"), "runs leave it (mode: if-empty)"),
    ],
)
def test_what_the_next_run_does_is_said(step: Next, words: str) -> None:
    assert next_words(found(DriftKind.FIELD), step) == words


def test_since_when_says_no_more_than_is_known() -> None:
    assert since_words(Since(None, Moment(NOON))).startswith("at some time before Sun 22 Nov 2026")
    assert "(run 8812aa01) and" in since_words(found(DriftKind.ROLE).since)


def test_the_report_has_where_the_directory_says_something_else_and_is_only_text() -> None:
    wrong = found(DriftKind.FIELD, step=Next(Then.WRITES, "b|<i>"))
    others = [
        found(DriftKind.FIELD, step=Next(Then.AGREES, "b")),
        found(DriftKind.FIELD, step=None),
        found(DriftKind.FIELD, step=Next(Then.LEAVES, None)),
        found(DriftKind.GONE, step=Next(Then.WRITES, "b")),
    ]
    assert wrong_in_directory([wrong, *others]) == [wrong]
    text = "\n".join(report_lines([wrong], "nightly", "mfa#1", NOON))
    assert "| cn=1\\|&lt;b&gt; |" in text
    assert "b\\|&lt;i&gt;" in text


def test_json_says_everything_of_each() -> None:
    made = survey(1)
    data = drift_data(made, "nightly", made.drift, 2)
    assert (data["schema"], data["exit_code"], data["kept"], data["roles_not_read"]) == (1, 2, 1, 7)
    assert data["drift"][0]["after"] == {"at": NOON, "run": "8812aa01"}
    assert data["drift"][0]["next"]["then"] == "leaves"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1"])
def test_nothing_in_a_table_is_a_formula(text: str) -> None:
    assert str(cell(text)).startswith("'")
    assert cell(5) == 5
    assert cell("a=b") == "a=b"


def test_what_is_kept_reads_as_a_sentence_also_of_a_login_that_is_gone() -> None:
    said = Said("kim", "here", "she asked", NOON, NOON + timedelta(days=9), "drift", "nightly")
    kept = found(DriftKind.GONE)
    subject = Subject(kept.name, kept.row.anchor, 1)
    ruling = rejection_of(CreateLogin(subject, Account(kept.row.anchor, "ann"), ""), said)
    told = " ".join(line.plain for line in kept_lines(Keeping([(kept, ruling)], []), "ann"))
    assert "#1 is gone; so it stays until" in " ".join(told.split())

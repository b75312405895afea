"""A plan as a document: whoever is in it is in every form, and no name is ever more than text."""

import csv
import html
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iwds.cli.change_text import heading
from iwds.cli.page import printable
from iwds.cli.plan_csv import COLUMNS
from iwds.cli.plan_forms import Form, forms_of, rendered, write_forms
from iwds.cli.plan_html import plan_as_html
from iwds.cli.plan_sections import CHANGES, sections
from iwds.cli.plan_sections import facts as facts_of
from iwds.core.causes import Cause, cause_text
from iwds.core.change import Evidence, RemoveFromGroup, removes
from iwds.core.decision import Reason, Skip
from iwds.core.plan import Plan
from iwds.core.plan_document import plan_from_data
from iwds.errors import UsageError
from tests.unit.cli.test_plan_text import changes, names
from tests.unit.core.made import VPN, assembled, basis, create, facts, proof, subject, write

hostile = names | st.sampled_from(
    (
        '=HYPERLINK("http://evil.example","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "a;=1+1;b",
        "a | b | c", "`code`", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td></tr></table>",
        "[link](javascript:alert(1))", "![x](http://evil.example/x.png)", "http://evil.example", "&lt;b&gt;", "\\|",
        "a\\", "*bold* _it_ ~~no~~", "</style><b>", "<!--", "www.evil.example", "$x$", "a,\"b\",c", "line\nline",
    )
)  # fmt: skip
skips = st.builds(
    Skip, st.builds(subject, hostile, st.none() | st.integers(1, 99)), st.sampled_from(tuple(Reason)), hostile,
    st.none() | changes,
)  # fmt: skip
hostile_changes = changes | st.builds(create, hostile) | st.builds(lambda mail: write(mail=mail), hostile)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
plans = st.builds(
    lambda made, left, note: Plan(
        "3f9c12ab", "staff", "mfa#1", NOON, tuple(made), tuple(left), basis(notes=(note,)), NOON + timedelta(hours=72),
        NOON + timedelta(days=90),
    ),
    st.lists(hostile_changes, max_size=6), st.lists(skips, max_size=6), hostile,
)  # fmt: skip
several = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def people(plan: Plan) -> list[str]:
    """Everybody as every form must name them."""
    return [printable(step.login) for section in sections(plan) for step in section.steps]


@several
@given(plans)
def test_every_change_and_every_skip_is_in_exactly_one_section(plan: Plan) -> None:
    listed = [step for section in sections(plan) for step in section.steps]
    made = sorted((step for step in listed if step.skip is None), key=lambda step: step.order)
    assert [step.change for step in made] == list(plan.changes)
    assert sorted(id(step.skip) for step in listed if step.skip) == sorted(map(id, plan.skips))


@several
@given(plans)
def test_the_head_counts_each_change_once_under_the_word_of_its_section(plan: Plan) -> None:
    words = dict(facts_of(plan))["Changes"].partition(";")[0]
    told = Counter({word: int(n) for n, word in (each.split(" ") for each in words.split(", ") if each != "none")})
    assert told.total() == len(plan.changes)
    for section in sections(plan):
        if section.part == CHANGES:
            given = sum(removes(change) for change in plan.changes if heading(change) == section.title)
            assert told[section.title] == len(section.steps) + given


@several
@given(plans)
def test_json_is_the_plan_itself(plan: Plan) -> None:
    assert plan_from_data(json.loads(rendered(plan, Form.JSON))) == plan


@several
@given(plans)
def test_text_has_a_line_for_everybody(plan: Plan) -> None:
    lines = rendered(plan, Form.TEXT).split("\n")
    assert sum(line.startswith("    ") for line in lines) == len(plan.changes) + len(plan.skips)
    told = [printable(step.what) for section in sections(plan) for step in section.steps]
    assert all(any(what in line for line in lines) for what in told)


class TestATable:
    @several
    @given(plans)
    def test_has_a_row_for_each_change_and_skip_and_runs_nothing(self, plan: Plan) -> None:
        text = rendered(plan, Form.CSV)
        head, *rows = csv.reader(StringIO(text, newline=""))
        assert tuple(head) == COLUMNS
        assert len(rows) == len(plan.changes) + len(plan.skips)
        assert {len(row) for row in rows} <= {len(COLUMNS)}
        assert [row[3].removeprefix("'") for row in rows] == [_calm(who).removeprefix("'") for who in people(plan)]
        assert text.count("\r\n") == len(rows) + 1

    @several
    @given(plans)
    def test_runs_nothing_where_a_spreadsheet_cuts_at_semicolons_either(self, plan: Plan) -> None:
        text = rendered(plan, Form.CSV)
        for delimiter in ",;\t":
            cells = [cell for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter) for cell in row]
            assert [cell for cell in cells if re.match(r"[\s\"]*[=+\-@\t\r＝＋－＠]", cell)] == []

    def test_says_on_each_row_whose_data_it_is_and_until_when(self) -> None:
        made = assembled([write(status=1), Skip(subject("bob", 2), Reason.FOREIGN, "made in the console")])
        first, second = csv.DictReader(StringIO(rendered(made, Form.CSV), newline=""))
        told = [first[name] for name in ("step", "kinds", "login", "login_id", "fields", "evidence")]
        assert told == ["change", "lock", "ann", "1", "status", "seen"]
        assert (second["step"], second["login"], second["reason"], second["order"]) == ("skip", "bob", "foreign", "")
        assert first["personal_data"].startswith("logins, names, mail addresses")
        assert "of 2 people. Delete it by" in second["personal_data"]
        assert (first["job"], first["valid_until"]) == ("staff", "2026-11-25T12:00:00+00:00")


def _calm(text: str) -> str:
    """Without the apostrophes that a table puts in, to compare."""
    return re.sub(r"(?<=;)(?=[\s\"]*[=+\-@＝＋－＠])", "'", text)


class TestMarkdown:
    @several
    @given(plans)
    def test_names_everybody_in_tables_of_three_columns_and_means_nothing_by_it(self, plan: Plan) -> None:
        text = rendered(plan, Form.MARKDOWN)
        assert re.sub(r"&(amp|lt|gt);", "", text).translate({ord(c): None for c in "&<>"}) == re.sub(
            r"&(amp|lt|gt);", "", text
        )
        rows = [re.split(r"(?<!\\)(?:\\\\)*\|", line) for line in text.split("\n") if line.startswith("| ")]
        body = [[_unescaped(cell) for cell in row[1:-1]] for row in rows if len(row) == 5]
        named = [row[0].strip() for row in body if row != [" Login ", " What ", " Why "]]
        assert named == [who.strip() for who in people(plan)]
        assert {len(row) for row in rows} <= {4, 5}
        bare = re.sub(r"\\[\\`*_\[\]|~#!$/.]", "", text)
        assert not re.search(r"[`*\[\]~$]|://|www\.", bare)


def _unescaped(text: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", text))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "td" and ("dir", "auto") in attrs:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.tags[-1] == "td":
            self.cells[-1] += data


class TestAPage:
    @several
    @given(plans)
    def test_names_everybody_and_its_only_markup_is_ours(self, plan: Plan) -> None:
        reader = _Reader()
        reader.feed(rendered(plan, Form.HTML))
        reader.close()
        ours = "html head meta title style body h1 h2 table thead tbody tr th td nav a details summary"
        assert set(reader.tags) <= set(ours.split())
        known = {"charset", "http-equiv", "content", "name", "lang", "class", "scope", "href", "id", "open", "dir"}
        assert reader.attributes <= known
        assert reader.cells[::3] == people(plan)
        assert len(reader.cells) == 3 * (len(plan.changes) + len(plan.skips))

    def test_stands_alone(self) -> None:
        page = plan_as_html(assembled([create(), write(status=1)]))
        assert not re.search(r"<(script|link|img|iframe|object|form)\b|\bon[a-z]+=|url\(|@import|https?:", page)
        assert "default-src &#x27;none&#x27;; style-src &#x27;sha256-" in page
        assert "prefers-color-scheme: dark" in page
        assert "@media print" in page


class TestTheOrder:
    def test_is_who_loses_what_by_cause_then_the_rest(self) -> None:
        by_rule = RemoveFromGroup(
            subject("cal", 3), VPN, "not in group", Evidence.RULE, cause_text(Cause.RULE, "m.yaml:4")
        )
        disabled = write(status=1)
        gone = Skip(subject("dan", 4), Reason.HELD, "the guard", disabled)
        moved = Skip(subject("eve", 5), Reason.MOVED, "it is so already", disabled)
        plan = assembled([create(), disabled, gone, moved], facts(basis(accepted_by="8812")))
        plan = Plan(plan.id, plan.job, plan.service, NOON, (*plan.changes, by_rule), plan.skips, plan.basis)
        titles = [f"{section.part}: {section.title}" for section in sections(plan)]
        assert titles == [
            "Taken away: the directory says so (seen)",
            "Taken away: m.yaml:4 changed since run 8812 (rule)",
            "Given or changed: create",
            "Waits for a person: held",
            "Left alone: moved",
        ]

    def test_begins_with_whose_data_it_is_and_what_it_rests_on(self) -> None:
        doubtful = basis(sources=(proof("ad", problems=("cut short",)),), notes=("no group x",))
        head = rendered(assembled([create()], facts(doubtful)), Form.TEXT).split("\n\n")[0]
        assert re.search(r"^Good until: Wed 25 Nov 2026", head, re.MULTILINE)
        assert re.search(r"^Personal data: .* of 1 person\. Delete it by ", head, re.MULTILINE)
        assert "Reading: ad: 3, NOT believed: cut short" in head
        assert "Note: no group x" in head


class TestFiles:
    def test_have_the_form_that_their_name_asks_for(self) -> None:
        asked = ["p.json", "p.TXT", "p.md", "p.html", "p.csv"]
        assert [form for _, form in forms_of([Path(name) for name in asked], None)] == [
            Form.JSON, Form.TEXT, Form.MARKDOWN, Form.HTML, Form.CSV
        ]  # fmt: skip

    def test_of_another_name_have_the_form_that_was_chosen_or_are_refused(self) -> None:
        assert forms_of([Path("plan")], Form.HTML) == [(Path("plan"), Form.HTML)]
        with pytest.raises(UsageError, match=r"plan\.pdf: which form"):
            forms_of([Path("plan.pdf")], None)

    def test_are_for_their_owner_alone_whatever_stood_there(self, tmp_path: Path) -> None:
        old = tmp_path / "p.html"
        old.write_text("old")
        old.chmod(0o666)
        plan = assembled([create()])
        write_forms(plan, forms_of([old, tmp_path / "p.csv"], None))
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
        assert old.read_text(encoding="utf-8") == rendered(plan, Form.HTML)
        assert (tmp_path / "p.csv").read_bytes().startswith(b'\xef\xbb\xbf"step",')

    def test_that_cannot_be_written_are_an_error_and_nothing_is_left(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be written"):
            write_forms(assembled([]), [(tmp_path / "no" / "p.html", Form.HTML)])
        (tmp_path / "folder.html").mkdir()
        with pytest.raises(UsageError, match="no plain file"):
            write_forms(assembled([]), [(tmp_path / "folder.html", Form.HTML)])
        assert [file.name for file in tmp_path.iterdir()] == ["folder.html"]

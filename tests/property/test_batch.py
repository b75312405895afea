"""Whatever stands in the file of a batch: either all that is wrong is said, or every row is somebody's wish."""

import csv
from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.core.batch import wanted_parts
from iwds.core.batch_people import wishes
from iwds.core.batch_table import Table, parse, read
from iwds.core.model import fold

HEADS = ("action", "login", "mail", "groups", "group role", "role", "activation", "extra:k", "reason")
cells = st.one_of(
    st.just(""),
    st.sampled_from(["create", "update", "lock", "unlock", "delete", "add", "remove", "(clear)", "vpn", "vpn|wiki"]),
    st.sampled_from(["ann", "Ann", "bob", "user", "link", "1", "a@x.org"]),
    st.text(max_size=8),
)
good = st.one_of(
    st.tuples(st.just("create"), st.sampled_from(["ann", "bob", "cy", "Dan"]), st.just("a@x.org"), st.just("vpn")),
    st.tuples(st.just("update"), st.sampled_from(["ann", "bob", "cy"]), st.sampled_from(["a@x.org", "(clear)"])),
    st.tuples(st.sampled_from(["lock", "unlock", "delete"]), st.sampled_from(["ann", "bob", "cy"])),
    st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from(["ann", "bob"]), st.just(""), st.just("vpn|wiki")),
).map(lambda row: [*row, *[""] * (len(HEADS) - len(row))])
wild = st.lists(cells, max_size=len(HEADS) + 1)


def written(rows: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    text = StringIO()
    csv.writer(text, delimiter=separator, lineterminator=end).writerows([HEADS, *rows])
    return text.getvalue()


def accounted_for(table: Table) -> None:
    """Either complaints, each with a line, or rows that are all in exactly one wish."""
    assert table.complaints or table.rows
    assert all(each.line > 0 and each.text for each in table.complaints)
    people, complaints = wishes(table.rows)
    lines = [row.line for wish in people for row in wish.rows]
    assert sorted(lines) == [row.line for row in table.rows]
    assert len({fold(wish.login) for wish in people}) == len(people)
    for wish in people if not complaints else ():
        assert {row.line for row in wish.rows} == wanted_parts(wish).keys()
        assert not (wish.create and wish.delete)
        assert wish.joins.keys().isdisjoint(wish.leaves)


@given(st.lists(st.one_of(good, wild), max_size=8), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None)
def test_any_table_is_either_all_complaints_or_a_plan(rows: list[list[str]], separator: str, end: str) -> None:
    accounted_for(parse(written(rows, separator, end)))


@given(st.lists(good, min_size=1, max_size=8))
@settings(deadline=None)
def test_good_rows_are_all_understood(rows: list[list[str]]) -> None:
    table = parse(written(rows))
    assert not table.complaints
    assert [(row.action.value, row.login) for row in table.rows] == [(row[0], row[1]) for row in rows]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(deadline=None)
def test_any_bytes_are_either_complaints_or_rows(data: bytes) -> None:
    accounted_for(read(data))


@given(st.lists(good, min_size=1, max_size=4), st.data())
@settings(deadline=None)
def test_a_file_that_was_cut_off_says_so_or_has_only_whole_rows(rows: list[list[str]], data: st.DataObject) -> None:
    whole = written(rows)
    cut = parse(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert cut.complaints or cut.rows == parse(whole).rows[: len(cut.rows)]

"""Marks say from where on, and hold for nothing but what they are bound to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.errors import MarkLost
from iwds.sources._marks import opened, question, sealed

BOUND = {"server": "dc1 4711", "account": "iwds"}


@given(st.dictionaries(st.text(), st.text()), st.text(min_size=1))
def test_a_mark_gives_back_its_place_to_what_it_is_bound_to(bound: dict[str, str], at: str) -> None:
    assert opened(sealed(bound, at), bound) == at


@pytest.mark.parametrize("other", [{**BOUND, "server": "dc2 4711"}, {"account": "iwds"}, {**BOUND, "server ": "dc1"}])
def test_a_mark_is_lost_on_anything_else(other: dict[str, str]) -> None:
    with pytest.raises(MarkLost, match="belongs to another server"):
        opened(sealed(BOUND, "17"), other)


@pytest.mark.parametrize(
    "mark", ["", "garbage", "[]", "17", '{"at": "17"}', '{"bound": {}, "at": ""}', '{"bound": 1, "at": "1"}', "\ud800"]
)
def test_garbage_is_no_mark(mark: str) -> None:
    with pytest.raises(MarkLost, match="no mark"):
        opened(mark, {})


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with pytest.raises(MarkLost):
        opened(text, BOUND)


def test_another_question_has_another_name() -> None:
    assert question(("mail",), "(a=b)") != question(("mail", "(a=b)"))
    assert len(question("x" * 10_000)) == 32

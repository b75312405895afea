"""A captured reading is written and read as the same things, and says what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.core.captured import End, Item, Member, item_of, line_of
from iwds.core.model import Group, Login

NUMBERS = st.integers(0, 2**63 - 1)
TEXTS = st.text()
ITEMS: st.SearchStrategy[Item] = st.one_of(
    st.builds(Group, NUMBERS, TEXTS, NUMBERS),
    st.builds(
        Login,
        NUMBERS,
        TEXTS,
        *[st.none() | TEXTS] * 4,
        *[st.none() | NUMBERS] * 2,
        st.none() | TEXTS,
        st.none() | NUMBERS,
        st.none() | st.booleans(),
        st.none() | NUMBERS,
    ),
    st.builds(Member, NUMBERS, NUMBERS, st.none() | NUMBERS),
    st.builds(End, NUMBERS, NUMBERS, NUMBERS),
)


@given(ITEMS)
def test_what_is_written_is_read_back(item: Item) -> None:
    line = line_of(item)
    assert "\n" not in line
    assert item_of(line) == item


def test_a_line_is_what_the_documentation_shows() -> None:
    assert line_of(Group(101, "vpn", 1)) == '{"group":{"id":101,"name":"vpn","policy":1}}'
    assert line_of(Login(7, "zoe", "Zoë", activated=True)) == (
        '{"login":{"id":7,"login":"zoe","firstname":"Zoë","activated":true}}'
    )
    assert line_of(Member(101, 7)) == '{"member":{"group":101,"login":7}}'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "no JSON"),
        ("[]", "one object"),
        ("{}", "one object"),
        ('{"group":1}', "one object"),
        ('{"group":{},"login":{}}', "one object"),
        ('{"code":{}}', '"code" is none of group, login, member, end'),
        ('{"group":{"id":1}}', "a group needs name"),
        ('{"login":{"id":1,"login":"a","code":"1"}}', "a login has no code"),
        ('{"login":{"id":"1","login":"a"}}', "id of a login is no number"),
        ('{"login":{"id":true,"login":"a"}}', "id of a login is no number"),
        ('{"login":{"id":-1,"login":"a"}}', "id of a login is no number"),
        ('{"login":{"id":9223372036854775808,"login":"a"}}', "id of a login is no number"),
        ('{"login":{"id":1,"login":2}}', "login of a login is no text"),
        ('{"login":{"id":1,"login":"a","mail":null}}', "mail of a login is no text"),
        ('{"login":{"id":1,"login":"a","activated":1}}', "activated of a login is no true or false"),
        ('{"member":{"group":1,"login":"a"}}', "login of a member is no number"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        item_of(line)

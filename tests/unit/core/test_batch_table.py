"""The file of a batch as it is written: every row is understood, or said to be none."""

import pytest

from iwds.core.batch_table import CLEAR, Action, Row, Table, parse, read
from iwds.core.model import Activation, Role

HEAD = "action,login,firstname,name,mail,phone,role,groups,group role,activation,extra:badge,reason\n"


def told(text: str) -> list[str]:
    """The complaints; there are some, and so no row counts."""
    found = parse(text).complaints
    assert found
    return [str(each) for each in found]


def only(text: str) -> Row:
    table = parse(text)
    assert not table.complaints
    (row,) = table.rows
    return row


class TestARow:
    def test_says_all_that_there_is_to_say_of_somebody_new(self) -> None:
        row = only(HEAD + "create,ann,Ann,Lee,ann@x.org,+331,manager,vpn|wiki,administrator,LINK,17,new here\n")
        assert row == Row(
            2,
            Action.CREATE,
            "ann",
            {"firstname": "Ann", "name": "Lee", "mail": "ann@x.org", "phone": "+331"},
            {"badge": "17"},
            Role.MANAGER,
            ("vpn", "wiki"),
            "administrator",
            Activation.LINK,
            "new here",
        )

    def test_says_nothing_of_a_field_whose_cell_is_empty_and_clears_one_by_a_word(self) -> None:
        row = only(HEAD + f"update,ann,,,{CLEAR.upper()},,0,,,,(Clear),\n")
        assert (row.fields, row.extra, row.role) == ({"mail": ""}, {"badge": ""}, Role.USER)

    def test_may_be_of_any_case_and_order_and_have_spaces(self) -> None:
        assert only(" Login ; ACTION \n ann ; Lock \n") == Row(2, Action.LOCK, "ann")

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_is_read_with_each_separator_and_with_or_without_a_mark(self, separator: str, mark: bytes) -> None:
        text = 'action,login,"group",Group_Role\nadd,ann,vpn|wiki,user\n'.replace(",", separator)
        assert read(mark + text.encode()) == Table(
            (Row(2, Action.ADD, "ann", groups=("vpn", "wiki"), group_role="user"),), ()
        )

    def test_begins_where_it_begins_also_behind_a_cell_of_two_lines_and_an_empty_line(self) -> None:
        table = parse('action,login,reason\r\nlock,ann,"one\r\ntwo"\r\n,,\r\nlock,bob,\r\n')
        assert [row.line for row in table.rows] == [2, 5]

    def test_names_a_group_once(self) -> None:
        assert only("action,login,groups\nadd,ann,vpn|wiki|vpn\n").groups == ("vpn", "wiki")


class TestAComplaint:
    @pytest.mark.parametrize(
        ("row", "words"),
        [
            ("lokc,ann,,,,,,,,,,", '2: ann: there is no action "lokc" (did you mean "lock"?)'),
            (",,,,,,,,,,,x", "2: has no action"),
            ("lock,,,,,,,,,,,", "2: has no login"),
            ("lock,ann,,,a@x.org,,,,,,,", '2: ann: lock has no use for mail "a@x.org": empty the cell'),
            ("delete,ann,,,,,,,,,1,", '2: ann: delete has no use for extra:badge "1": empty the cell'),
            ("update,ann,,,,,,,,,,why", "2: ann: update changes nothing: fill a cell"),
            ("add,ann,,,,,,,,,,", "2: ann: add names no group"),
            ("remove,ann,,,,,,,,,,", "2: ann: remove names no group"),
            ("add,ann,,,,,,vpn|,,,,", '2: ann: groups "vpn|" has an empty name beside |'),
            ("create,ann,,,,,,,user,,,", '2: ann: group role "user" is for no group'),
            ("update,ann,,,,,boss,,,,,", '2: ann: there is no role "boss" (known: administrator, manager, user)'),
            ("create,ann,,,,,,,,lin,,", '2: ann: there is no activation "lin" (did you mean "link"?)'),
            ("lock,ann", "2: ann: has 2 cells, and the head has 12: quote what holds a separator"),
            ("lock,ann\x1b[31m,,,,,,,,,,,", "2: ann<U+001B>[31m: has 13 cells"),
        ],
    )
    def test_names_line_and_person(self, row: str, words: str) -> None:
        assert any(each.startswith(words) for each in told(f"{HEAD}{row}\n")), told(f"{HEAD}{row}\n")

    def test_of_somebody_new_who_is_to_be_cleared(self) -> None:
        assert "nothing that could be cleared" in told(f"{HEAD}create,ann,,,{CLEAR},,,,,,,\n")[0]

    def test_cuts_a_long_cell_short(self) -> None:
        assert f'"{"x" * 40}…"' in told(f"{HEAD}{'x' * 90},ann,,,,,,,,,,\n")[0]

    def test_is_made_of_each_row_and_of_each_thing_that_is_wrong_with_it(self) -> None:
        assert told("action,login,mail\nlock,,x\nmove,ann,\n") == [
            "2: has no login",
            '2: lock has no use for mail "x": empty the cell',
            '3: ann: there is no action "move" (did you mean "remove"?)',
        ]

    def test_of_the_head_ends_the_reading(self) -> None:
        assert told("action,mial,mail,MAIL,extra:\nfly,ann,,,\n") == [
            '1: there is no column "mial" (did you mean "mail"?)',
            '1: the column "mail" is there twice',
            '1: "extra:" names no key: write extra:KEY',
            '1: there is no column "login"',
        ]

    @pytest.mark.parametrize("text", ["", " \n", ",,\n,\n"])
    def test_is_made_of_a_file_without_anything(self, text: str) -> None:
        assert told(text) == ["1: the file is empty"]

    def test_is_made_of_a_head_alone(self) -> None:
        assert told("action,login\n") == ["1: the file has a head and no row"]

    def test_is_made_of_a_last_line_that_does_not_end(self) -> None:
        assert told("action,login\ndelete,ann") == ["2: the last line does not end, so the file may have been cut off"]

    @pytest.mark.parametrize("text", ['"action\n', 'action,login\nlock,"ann\n', 'action,login\nlock,"a"b\n'])
    def test_is_made_of_quotes_that_are_broken(self, text: str) -> None:
        assert "cannot be read as a table" in told(text)[0]

    def test_says_where_a_file_is_not_utf_8(self) -> None:
        assert [str(each) for each in read(b"action,login\nlock,ann\nlock,\xe9ve\n").complaints] == [
            "3: is not UTF-8: save the file as CSV with this encoding"
        ]

"""A table is read in the dialects that people have, and believed only where it proves to be whole."""

import codecs
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from iwds.core.model import Anchor, Entry, Proof
from iwds.core.selecting import ANYBODY
from iwds.errors import SourceUnavailable
from iwds.sources._csvsurvey import Picture
from iwds.sources.csv import CsvSource, Settings, connect, selection

TRAILER = {"trailer": "END;{count}"}


def source(path: Path, **settings: object) -> CsvSource:
    """A source over this file in the realm `x`."""
    return connect("hr", Settings.model_validate({"kind": "csv", "path": path, "realm": "x", "id": "id", **settings}))


def consume(source: CsvSource, *attributes: str) -> tuple[dict[str, Entry], Proof]:
    """Everybody by id, and the proof."""
    stream = source.read(attributes)
    people = {entry.anchor.id: entry for entry in stream}
    return people, stream.finish()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hr.csv"


def mails(path: Path, content: bytes | str, **settings: object) -> dict[str, tuple[str, ...]]:
    """The mail of everybody, by id; everybody came without a complaint but for the missing proof."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    people, proof = consume(source(path, **settings), "mail")
    assert [problem for problem in proof.problems if "does not prove that it is whole" not in problem] == []
    return {key: entry.attrs["mail"] for key, entry in people.items()}


class TestDialects:
    """As spreadsheets, databases and scripts write tables."""

    @pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
    def test_the_separator_is_found_by_the_columns_that_are_needed(self, path: Path, separator: str) -> None:
        text = 'id;mail;note\n1;a@x;"b;,|\tc"\n'.replace(";", separator)

        assert mails(path, text) == {"1": ("a@x",)}

    def test_a_separator_of_ones_own(self, path: Path) -> None:
        assert mails(path, "id~mail\n1~a,b;c\n", separator="~") == {"1": ("a,b;c",)}
        assert mails(path, "id\tmail\n1\ta\n", separator="tab") == {"1": ("a",)}

    def test_what_excel_writes_above_the_heading_is_understood(self, path: Path) -> None:
        assert mails(path, "sep=~\r\nid~mail\r\n1~a\r\n") == {"1": ("a",)}
        assert mails(path, "sep=,\nid;mail\n1;a\n", separator=";") == {"1": ("a",)}

    @pytest.mark.parametrize(
        ("mark", "encoding"),
        [
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (b"", "utf-8"),
        ],
    )
    def test_the_mark_says_what_it_is_written_in(self, path: Path, mark: bytes, encoding: str) -> None:
        # Letters of which a byte looks like a line end: U+0A0A, U+0D0A, U+010A, and a pair of surrogates.
        text = 'id;mail\r\n1;ਊ഍ĊŁ\U00010a0a\r\n2;"two\r\nlines"\r\n3;é\r\n'
        found = {"1": ("ਊ഍ĊŁ\U00010a0a",), "2": ("two\r\nlines",), "3": ("é",)}

        assert mails(path, mark + text.encode(encoding)) == found
        hr = source(path)
        for key, values in found.items():
            entry = hr.find(Anchor("x", key), ("mail",))
            assert entry is not None
            assert entry.attrs["mail"] == values

    @pytest.mark.parametrize(
        ("encoding", "written"),
        [("cp1252", "€é"), ("latin-1", "é\x81"), ("utf-16-le", "é"), ("utf-16-be", "é"), ("utf-8-sig", "é")],
    )
    def test_the_encoding_may_be_said(self, path: Path, encoding: str, written: str) -> None:
        assert mails(path, f"id;mail\n1;{written}\n".encode(encoding), encoding=encoding) == {"1": (written,)}

    def test_an_encoding_that_the_mark_denies_is_refused(self, path: Path) -> None:
        path.write_bytes(codecs.BOM_UTF8 + b"id;mail\n")

        with pytest.raises(SourceUnavailable, match="begins with the mark of UTF-8, and `encoding` says cp1252"):
            consume(source(path, encoding="cp1252"))

    def test_utf_16_without_a_mark_is_refused(self, path: Path) -> None:
        path.write_text("id;mail\n", encoding="utf-16-le")

        with pytest.raises(SourceUnavailable, match="no byte order mark"):
            consume(source(path, encoding="utf-16"))
        assert mails(path, "id;mail\n1;a\n".encode("utf-16"), encoding="utf-16") == {"1": ("a",)}

    def test_quotes_are_doubled_and_lines_break_within_them(self, path: Path) -> None:
        assert mails(path, 'id;"mail"\n"1";"say ""a;b""\n\nc"\n2;5" pipe\n') == {
            "1": ('say "a;b"\n\nc',),
            "2": ('5" pipe',),
        }

    def test_quotes_may_be_others_or_none(self, path: Path) -> None:
        assert mails(path, "id;mail\n1;'a;b'\n", quote="'") == {"1": ("a;b",)}
        assert mails(path, 'id;mail\n1;"a\n', quote="none") == {"1": ('"a',)}

    @pytest.mark.parametrize("text", ["a\0b", "a\rb", "=HYPERLINK(1)", "+1", "@x", "-2", " a ", "\r", "0007"])
    def test_anything_else_is_just_text(self, path: Path, text: str) -> None:
        assert mails(path, f"id;mail;z\n1;{text};z\n2;b;z\n") == {"1": (text,), "2": ("b",)}
        assert mails(path, f'id;mail;z\r\n1;"{text}";z\r\n2;b;z\r\n') == {"1": (text,), "2": ("b",)}

    @pytest.mark.parametrize("end", ["END;1\r\n\x1a", "END;1\x1a", "END;1\r\n\x1a\r\n", "\x1a\r\nEND;1\r\n"])
    def test_what_dos_ended_a_file_with_is_passed_over(self, path: Path, end: str) -> None:
        assert mails(path, f"id;mail\r\n1;a\r\n{end}", complete=TRAILER) == {"1": ("a",)}
        assert mails(path, "id;mail\r\n1;a\r\n\x1a", complete={"count": 1}) == {"1": ("a",)}

    def test_a_heading_and_its_rows_may_end_with_separators(self, path: Path) -> None:
        assert mails(path, "id;mail;;\n1;a;;\n") == {"1": ("a",)}
        path.write_text("id;mail;;\n1;a;;x\n2;b;;\n3;c\nEND;3\n")

        people, proof = consume(source(path, complete=TRAILER), "mail")

        assert set(people) == {"2"}
        assert f"{path}:2: a cell stands behind the last column that has a name" in proof.problems[0]
        assert f"{path}:4: it has 2 cells, and the heading has 4" in proof.problems[0]

    def test_two_marks_are_as_good_as_one(self, path: Path) -> None:
        assert mails(path, codecs.BOM_UTF8 * 2 + b"id;mail\n1;a\n") == {"1": ("a",)}

    def test_rows_of_nothing_but_spaces_are_empty(self, path: Path) -> None:
        assert mails(path, "  \nid;mail\n1;a\n \n ;\t\nEND;1\n   \n", complete=TRAILER) == {"1": ("a",)}

    def test_empty_rows_are_passed_over_and_not_counted(self, path: Path) -> None:
        assert mails(path, "\nid;mail\n\n1;a\n;\n\n2;\nEND;2\n\n", complete=TRAILER) == {"1": ("a",), "2": ()}

    def test_a_table_of_one_column(self, path: Path) -> None:
        path.write_text("ID\n1\n2\n")

        assert set(consume(source(path))[0]) == {"1", "2"}


class TestHeading:
    """The first line names the columns."""

    def test_attributes_are_called_by_their_heading_or_as_the_configuration_says(self, path: Path) -> None:
        path.write_text("Personalnr ;Cost Centre; ABTEILUNG\n 7 ;K1;Einkauf\n")
        hr = source(path, columns={"id": "personalnr", "Department": "Abteilung"})

        people, proof = consume(hr, "department", "cost centre", "abteilung")

        assert people["7"].attrs == {"department": ("Einkauf",), "cost centre": ("K1",)}
        assert proof.presence == {"department": 1, "cost centre": 1, "abteilung": 0}

    @pytest.mark.parametrize(
        ("heading", "settings", "why"),
        [
            ("id;mail;Mail", {}, '1: columns 2 and 3 are both "mail"'),
            ("id;mail;post", {"columns": {"mail": "post"}}, '1: columns 2 and 3 are both "mail"'),
            ("id;;mail", {}, "1: column 2 has no name"),
            ("name;mail", {}, '1: there is no column "id"'),
            ("id;e-mial", {"columns": {"mail": "E-Mail"}}, 'column "E-Mail" .did you mean "e-mial"'),
            ("id;mail", {"groups": {"column": "teams"}}, 'no column "teams"'),
            ("id;mail", {"enabled": {"column": "status", "yes": "a", "no": "b"}}, 'no column "status"'),
            ("id;mail", {"lists": {"phones": ","}}, 'no column "phones"'),
            ("id,mail", {"separator": ";"}, 'no column "id"'),
            ("id,mail", {"separator": ";", "columns": {"mail": "mail"}}, 'no column "mail"'),
            ("", {}, "1: there is no heading"),
            ('"id;mail', {}, "1: a quote is opened here"),
            ('"id"x;mail', {}, "closing quote"),
            ("id;m\udcffil", {}, "1: the bytes FF are no UTF-8"),
            ("id;mail\r1;a\r2;b\r", {}, "1: a carriage return stands alone"),
            ('"id";"mail"\r"1";"a"\r', {}, "1: a carriage return stands alone"),
            ("i\0d\0;\0m\0", {}, "1: bytes of zero stand in the heading"),
            ("sep=", {}, "1: there is no column"),
            ("PK\3\4\0", {}, "is a spreadsheet or an archive, and no table"),
        ],
    )
    def test_a_file_with_another_one_is_refused(
        self, path: Path, heading: str, settings: dict[str, object], why: str
    ) -> None:
        path.write_bytes(f"{heading}\n".encode(errors="surrogateescape"))

        with pytest.raises(SourceUnavailable, match=f"{path}:{why}" if why[0] == "1" else why):
            consume(source(path, **settings))

    def test_an_attribute_without_a_column_is_not_known_and_an_absent_one_is_empty(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\n")

        people, _ = consume(source(path, absent=["manager"]), "mail", "phone", "manager")

        assert people["1"].attrs == {"mail": ("a",), "manager": ()}


class TestRows:
    """Each is somebody, or is named with its line."""

    def test_rows_that_cannot_be_read_are_left_out_and_named(self, path: Path) -> None:
        path.write_bytes(b'id;mail;z\n1;a;z\n2;b\n"3";"c\n";z;z\n4;\xe9;z\n5\n6;f;z\nEND;6\n')

        people, proof = consume(source(path, complete=TRAILER, groups={"column": "z"}), "mail")

        assert {key: entry.groups for key, entry in people.items()} == {"1": None, "6": None}
        assert proof.problems[0] == (
            f"rows that cannot be read were left out: {path}:3: it has 2 cells, and the heading has 3;"
            f" {path}:4: it has 4 cells, and the heading has 3;"
            f" {path}:6: the bytes E9 are no UTF-8; `encoding:` says what the file is in and 1 more"
        )

    def test_several_files_in_one_are_told_by_heading_and_mark(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\nid;mail\n2;b\n\ufeffid;mail\n3;c\n\ufeff4;d\n", encoding="utf-8-sig")

        people, proof = consume(source(path, complete={"count": 6}), "mail")

        assert set(people) == {"1", "2", "3"}
        assert proof.problems == (
            f"rows that cannot be read were left out: {path}:3: the heading stands here again;"
            f" several files may be put together here; {path}:5: a byte order mark stands within the file; several"
            f" files may be put together here; {path}:7: a byte order mark stands within the file; several files may be"
            " put together here",
        )

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ('3;"c', "a quote is opened here"),
            ('3;"c"d', "closing quote"),
            (f'3;"{"c" * 200_000}"', "longer than 131,072 characters"),
        ],
    )
    def test_behind_a_wrong_quote_nothing_is_believed(self, path: Path, row: str, why: str) -> None:
        path.write_text(f"id;mail\n1;a\n{row}\n4;d\n")
        hr = source(path, complete={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})

        people, proof = consume(hr)

        assert set(people) == {"1"}
        assert f"{path}:3: " in proof.problems[0]
        assert why in proof.problems[0]
        assert f"nothing behind line 3 of {path} can be read" in proof.problems

    def test_an_id_that_stands_twice_is_nobodys(self, path: Path) -> None:
        many = "".join(f"x{n};n\n" for n in range(2500))
        path.write_text(f"id;mail\n1;a\n2;b\n{many}1;c\n 2 ;d\n1;e\nEND;2505\n")
        hr = source(path, complete=TRAILER)

        people, proof = consume(hr, "mail")

        assert len(people) == 2500
        assert proof.problems == (
            f"the same id twice; both rows were left out: {path}:2504: 1 stands on line 2 too;"
            f" {path}:2505: 2 stands on line 3 too; {path}:2506: 1 stands on line 2 too",
        )
        with pytest.raises(SourceUnavailable, match="has no id 1, and is not proven"):
            hr.find(Anchor("x", "1"), ())

    def test_a_row_without_an_id_is_named(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\n ;b\nEND;2\n")

        people, proof = consume(source(path, complete=TRAILER))

        assert set(people) == {"1"}
        assert proof.problems == (f"rows without id were left out: {path}:3",)

    def test_words_say_who_is_enabled(self, path: Path) -> None:
        path.write_text("id;status\n1;Actif\n2;INACTIF \n3;parti\n4;\n5;congé\nEND;5\n")
        words = {"column": "Status", "yes": "actif", "no": ["inactif", "parti"]}

        people, proof = consume(source(path, enabled=words, complete=TRAILER))

        assert [entry.enabled for entry in people.values()] == [True, False, False, None, None]
        assert proof.problems == (f'rows whose status says neither yes nor no: {path}:5: ""; {path}:6: "congé"',)

    def test_a_complaint_shows_the_beginning_of_a_long_cell(self, path: Path) -> None:
        path.write_text(f"id;status\n1;{'x' * 5000}\n")

        _, proof = consume(source(path, enabled={"column": "status", "yes": "a", "no": "b"}))

        assert f'{path}:2: "{"x" * 60}"' in proof.problems[-1] + proof.problems[0]

    def test_a_cell_may_hold_several(self, path: Path) -> None:
        path.write_text("id;mail;teams\n1; a , ,b;VPN, Wiki\n2;;\nEND;2\n")
        lists = {"mail": ",", "teams": ","}

        people, proof = consume(source(path, lists=lists, groups={"column": "teams"}, complete=TRAILER), "mail")

        assert proof.proven
        assert people["1"].attrs["mail"] == ("a", "b")
        assert {key: entry.groups for key, entry in people.items()} == {"1": {"vpn", "wiki"}, "2": frozenset()}

    def test_without_groups_in_the_configuration_nobodys_are_known(self, path: Path) -> None:
        path.write_text("id\n1\nEND;1\n")

        assert consume(source(path, complete=TRAILER))[0]["1"].groups is None


class TestMemberships:
    """In a second file, with a row for each."""

    def people(self, path: Path, members: str, **groups: object) -> tuple[dict[str, Entry], Proof]:
        path.write_text("id;mail\n1;a\n2;b\nEND;2\n")
        (path.parent / "m.csv").write_text(members)
        return consume(source(path, complete=TRAILER, groups={"path": path.parent / "m.csv", **groups}))

    def test_each_row_puts_somebody_into_a_group(self, path: Path) -> None:
        rows = "Id,Team\n1,VPN\n 1 ,wiki\n9,wiki\nEND;3\n"

        people, proof = self.people(path, rows, group="team", complete=TRAILER)

        assert proof.reasons == (
            "its last line counts 2 rows, and so many were read",
            "m.csv: its last line counts 3 rows, and so many were read",
            "groups: 1 membership leads to nobody who was read: 9",
        )
        assert proof.proven
        assert {key: entry.groups for key, entry in people.items()} == {"1": {"vpn", "wiki"}, "2": frozenset()}

    @pytest.mark.parametrize(
        "rows", ["id;group\n1;vpn\nEND;2\n", "id;group\n1;vpn\n2;\nEND;2\n", "id;group\n1;v\n2\nEND;2\n"]
    )
    def test_where_some_are_missing_nobodys_groups_are_known(self, path: Path, rows: str) -> None:
        people, proof = self.people(path, rows, complete=TRAILER)

        assert {entry.groups for entry in people.values()} == {None}
        assert "nobody's groups are known, because the file may lack some" in proof.problems

    def test_a_file_of_memberships_must_prove_itself(self, path: Path) -> None:
        people, proof = self.people(path, "id;group\n1;vpn\n")

        assert not proof.proven
        assert any("m.csv does not prove that it is whole" in problem for problem in proof.problems)
        assert people["1"].groups is None

    def test_without_the_columns_it_is_refused(self, path: Path) -> None:
        with pytest.raises(SourceUnavailable, match=r'm\.csv:1: there is no column "group"'):
            self.people(path, "id;team\n", complete=TRAILER)

    @pytest.mark.parametrize(
        ("rows", "proven"), [("01;vpn\n02;vpn\n", False), ("01;v\n1;w\n", True), ("8;v\n9;w\n", True)]
    )
    def test_where_all_ids_are_written_in_another_way_nobodys_groups_are_known(
        self, path: Path, rows: str, proven: bool
    ) -> None:
        people, proof = self.people(path, f"id;group\n{rows}END;2\n", complete=TRAILER)

        said = f"{path.parent / 'm.csv'} writes ids in another way than {path}, and means nobody by them"
        assert (proof.proven, said in proof.problems) == (proven, not proven)
        assert (people["1"].groups is None) is not proven

    def test_it_may_be_written_in_another_way(self, path: Path) -> None:
        path.write_text("id~mail\n'1'~a\nEND~1\n", encoding="utf-16-le")
        (path.parent / "m.csv").write_text("id,group\n1,Köln\n1,'s'\nEND;2\n", encoding="cp1252")
        people = {"separator": "~", "encoding": "utf-16-le", "quote": "'", "complete": {"trailer": "END~{count}"}}
        members = {"path": path.parent / "m.csv", "complete": TRAILER}

        other = {"separator": ",", "encoding": "cp1252", "quote": "none"}
        found, proof = consume(source(path, **people, groups={**members, **other}))

        assert proof.proven
        assert found["1"].groups == frozenset({"köln", "'s'"})
        (path.parent / "m.csv").write_text("id~group\n1~'a~b'\nEND;1\n", encoding="utf-16-le")
        assert consume(source(path, **people, groups=members))[0]["1"].groups == frozenset({"a~b"})

    def test_a_change_of_either_file_is_noticed(self, path: Path) -> None:
        _, proof = self.people(path, "id;group\n1;vpn\nEND;1\n", complete=TRAILER)
        hr = source(path, complete=TRAILER, groups={"path": path.parent / "m.csv", "complete": TRAILER})
        entry = hr.find(Anchor("x", "1"), ())
        assert entry is not None
        assert entry.groups == frozenset({"vpn"})
        assert list(hr.confirm(proof)) == []

        (path.parent / "m.csv").write_text("id;group\n2;vpn\nEND;1\n")

        entry = hr.find(Anchor("x", "1"), ())
        assert entry is not None
        assert entry.groups == frozenset()
        assert list(hr.confirm(proof)) == [f"{path.parent / 'm.csv'} changed since it was read: run it again"]


class TestCompleteness:
    """A table that broke off is a correct table."""

    def test_without_a_proof_nothing_is_proven_and_nobodys_groups_are_known(self, path: Path) -> None:
        path.write_text("id;g\n1;vpn\n")
        hr = source(path, groups={"column": "g"})

        people, proof = consume(hr)

        assert not proof.proven
        assert "no trailer, count or checksum is configured" in proof.problems[0]
        assert people["1"].groups is None
        with pytest.raises(SourceUnavailable, match="not proven"):
            hr.find(Anchor("x", "2"), ())
        with pytest.raises(SourceUnavailable, match="has nobody called b, and is not proven"):
            hr.search("b", (), ())

    @pytest.mark.parametrize(
        ("end", "said"),
        [
            ("", "does not end with the trailer"),
            ("END;2\n", "announces 2 rows in its trailer and holds 1"),
            ("END;\n", "does not end with the trailer"),
            ("END;1\n2;b\n", "does not end with the trailer `END;{count}`: it is cut"),
        ],
    )
    def test_another_trailer_proves_nothing(self, path: Path, end: str, said: str) -> None:
        path.write_text(f"id;mail\n1;a\n{end}")

        _, proof = consume(source(path, complete=TRAILER))

        assert said in " ".join(proof.problems)

    @pytest.mark.parametrize("end", ['"END";"1"', "END;1x", "end;1", "END;"])
    def test_a_trailer_that_is_written_in_another_way_is_nobody(self, path: Path, end: str) -> None:
        path.write_text(f"id;mail\n1;a\n{end}\n")

        people, proof = consume(source(path, complete=TRAILER))

        assert set(people) == {"1"}
        assert proof.problems == (
            f"{path} does not end with the trailer `END;{{count}}` but with `{end}`: it is cut, or not that export",
            f"the last row looks like the trailer, and was left out: {path}:3",
        )

    def test_a_last_row_is_somebodys_and_is_not_shown(self, path: Path) -> None:
        path.write_text("id;password\n1;hunter2\n")

        people, proof = consume(source(path, complete=TRAILER))

        assert set(people) == {"1"}
        assert "hunter2" not in " ".join(proof.problems)
        assert not proof.proven

    def test_the_trailer_is_read_in_the_encoding_of_the_file(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\nfin : 1 personnes né\n", encoding="utf-16")

        assert consume(source(path, complete={"trailer": "fin : {count} personnes né"}))[1].proven

    def test_a_count_and_a_checksum(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\n2;b\n")
        sums = path.with_suffix(".sha256")
        sums.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  hr.csv\n")

        assert consume(source(path, complete={"count": 2}))[1].reasons == (
            "it holds the 2 rows that the configuration expects",
        )
        assert consume(source(path, complete={"sha256": "hr.sha256"}))[1].proven
        assert "should hold 3 rows and holds 2" in consume(source(path, complete={"count": 3}))[1].problems[0]

    @pytest.mark.parametrize("complete", [{"count": 2}, None])
    @pytest.mark.parametrize("end", ["", "\r"])
    def test_a_last_row_without_a_line_end_may_be_cut_and_is_left_out(
        self, path: Path, complete: object, end: str
    ) -> None:
        path.write_bytes(f"id;mail\n1;a\n2;b{end}".encode())
        hr = source(path, complete=complete)

        people, proof = consume(hr)

        assert set(people) == {"1"}
        assert f"the last row may be cut, and was left out: {path}:3" in proof.problems
        with pytest.raises(SourceUnavailable, match="not proven"):
            hr.find(Anchor("x", "2"), ())

    def test_a_checksum_makes_a_last_row_without_a_line_end_whole(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\n2;b")

        people, proof = consume(source(path, complete={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))

        assert (set(people), proof.proven) == ({"1", "2"}, True)

    def test_age_minimum_and_rest(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\nEND;1\n")
        os.utime(path, (time.time() - 7200,) * 2)

        assert consume(source(path, complete={**TRAILER, "not_older_than": "3h", "settle": "30m", "minimum": 1}))[
            1
        ].proven
        assert (
            "not be older than 90m"
            in consume(source(path, complete={**TRAILER, "not_older_than": "90m"}))[1].problems[0]
        )
        assert "should hold 2 at least" in consume(source(path, complete={**TRAILER, "minimum": 2}))[1].problems[0]
        with pytest.raises(SourceUnavailable, match="left alone for 3h"):
            consume(source(path, complete={**TRAILER, "settle": "3h"}))

    def test_a_file_that_changes_while_it_is_read(self, path: Path) -> None:
        path.write_text("id;mail\n1;a\n2;b\nEND;2\n")
        stream = source(path, complete=TRAILER).read(())
        entries: Iterator[Entry] = iter(stream)
        next(entries)
        with path.open("a") as more:
            more.write("3;c\n")

        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            list(entries)

    def test_a_file_that_moves_on_between_two_looks(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text("id;mail\n1;a\n2;b\nEND;2\n")
        hr = source(path, complete=TRAILER)
        assert hr.find(Anchor("x", "2"), ()) is not None
        path.write_text("id;mail\nEND;0\n")
        monkeypatch.setattr(Picture, "current", lambda _: True)

        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            hr.find(Anchor("x", "2"), ())
        hr.close()

    @pytest.mark.parametrize("lost", [1, 2, 3, 4, 5])
    def test_utf_16_that_was_cut_within_a_letter_or_between_two_loses_its_last_row(self, path: Path, lost: int) -> None:
        path.write_bytes("id;mail\n1;a\n2;bcd\n".encode("utf-16")[:-lost])

        people, proof = consume(source(path), "mail")

        assert {key: entry.attrs["mail"] for key, entry in people.items()} == {"1": ("a",)}
        assert any(f"{path}:3" in problem for problem in proof.problems)

    def test_a_search_ends_where_the_file_changes_meanwhile(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text("id;mail\n1;a\nEND;1\n")
        hr = source(path, complete=TRAILER)
        looks = iter((True, False))
        monkeypatch.setattr(Picture, "current", lambda _: next(looks))
        assert hr.find(Anchor("x", "2"), ()) is None

        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            hr.search("a", ("mail",), ())

    def test_a_missing_canary(self, path: Path) -> None:
        path.write_text("id;uid\n1;ada\nEND;1\n")

        assert consume(source(path, complete=TRAILER, canaries=["1", "ADA"]))[1].proven
        assert "did not come: 2" in consume(source(path, complete=TRAILER, canaries=["2"]))[1].problems[0]


class TestCheck:
    """What `iwds check` says."""

    def test_says_what_the_file_is(self, path: Path) -> None:
        path.write_bytes(codecs.BOM_UTF8 + b"ID;E-Mail\r\n1;a\r\nEND;1\r\n")

        findings = list(source(path, complete=TRAILER, columns={"mail": "e-mail"}).check(("mail",)))

        assert [finding.detail for finding in findings] == [
            f"{path}: one row, separated by `;`, UTF-8 with a byte order mark, lines end with CRLF; columns: id, mail",
            "1 read",
            "its last line counts 1 rows, and so many were read",
        ]
        assert all(finding.ok for finding in findings)

    def test_counts_all_rows_with_problems_and_names_the_first_ten(self, path: Path) -> None:
        path.write_text("id;mail\n" + "".join(f"{n}\n" for n in range(13)) + "END;13\n")

        (finding,) = (each for each in source(path, complete=TRAILER).check(("mail",)) if not each.ok)

        first, *others = finding.detail.splitlines()
        assert first == "rows that cannot be read were left out (13):"
        assert others[0] == f"{path}:2: it has one cell, and the heading has 2"
        assert (len(others), others[-1]) == (11, "and 3 more")

    def test_names_attributes_without_a_column(self, path: Path) -> None:
        path.write_text("id;e-mail\n1;a\nEND;1\n")

        (finding,) = (each for each in source(path, complete=TRAILER, absent=["x"]).check(("mail", "x")) if each.advice)

        assert finding.detail == 'there is no column mail (did you mean "e-mail"?)'
        assert finding.warning

    def test_names_a_file_that_is_missing(self, path: Path) -> None:
        (finding,) = source(path).check(())

        assert (finding.ok, finding.what) == (False, "file")


class TestSettings:
    """What cannot be meant is refused."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"id": ""},
            {"separator": "ab"},
            {"separator": '"'},
            {"encoding": "ebcdic"},
            {"columns": {"user_password": "PW"}},
            {"enabled": {"column": "s", "yes": [], "no": "b"}},
            {"enabled": {"column": "s", "yes": "A", "no": "a"}},
            {"groups": {}},
            {"groups": {"column": "g", "path": "m.csv"}},
            {"groups": {"column": "g", "complete": TRAILER}},
            {"groups": {"column": "g", "separator": ";"}},
            {"groups": {"path": "m.csv", "separator": "ab"}},
            {"groups": {"path": "m.csv", "separator": "'", "quote": "'"}},
            {"separator": "'", "quote": "'"},
            {"complete": {"trailer": "{count}"}},
            {"complete": {"trailer": ";;{count};"}},
            {"complete": {"trailer": "END"}},
            {"complete": {"count": 1, "trailer": "END {count}"}},
        ],
    )
    def test_are_refused(self, settings: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            source(Path("x"), **settings)

    def test_a_reading_answers_for_the_same_file_in_another_folder(self) -> None:
        one, same, other = (
            selection("hr", source(Path(path), **more)._settings)
            for path, more in (
                ("a/hr.csv", {"groups": {"path": Path("a/m.csv")}}),
                ("b/hr.csv", {"groups": {"path": Path("b/m.csv")}, "separator": ";"}),
                ("b/hr.csv", {"groups": {"path": Path("b/m.csv")}, "columns": {"mail": "post"}}),
            )
        )

        assert one == same
        assert "columns" in one.within(other)
        assert one.filter == ANYBODY.filter

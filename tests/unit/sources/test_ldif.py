"""A file is read as RFC 2849 says, and believed only where it proves to be whole."""

import hashlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from iwds.core.model import Anchor, Entry, Proof
from iwds.errors import AccessRefused, SourceUnavailable
from iwds.sources._ldifparse import BadRecord, Record, records
from iwds.sources._ldifsurvey import Picture
from iwds.sources.ldif import LdifSource, Settings, connect


def person(uid: str, *more: str) -> str:
    """One record with an id and a name."""
    lines = (f"dn: uid={uid},dc=x", "objectClass: inetOrgPerson", f"uid: {uid}", f"entryUUID: {uid}-1", *more)
    return "\n".join(lines) + "\n\n"


def source(path: Path, **settings: object) -> LdifSource:
    """A source over this file in the realm `x`."""
    return connect("staff", Settings.model_validate({"kind": "ldif", "path": path, "realm": "x", **settings}))


def consume(source: LdifSource) -> tuple[dict[str, Entry], Proof]:
    """Everybody by id, and the proof."""
    stream = source.read(("uid", "mail"))
    people = {entry.anchor.id: entry for entry in stream}
    return people, stream.finish()


def dated(path: Path, seconds: float) -> None:
    """Let the file be so old."""
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "staff.ldif"


def parsed(text: str) -> list[Record | BadRecord]:
    """The records of a text."""
    return list(records(io.BytesIO(text.encode())))


class TestParsing:
    """Lines become records."""

    def test_version_comments_folding_and_base64(self) -> None:
        head = "version: 1\n\n# a\n b\n"
        body = "dn: cn=\n a\ncn: a\nSN:: w6k=\n# between\nempty:\ncn;lang-fr:  b\n"
        text = f"{head}{body}\n\ndn:: Y249Yg==\n"

        (one, two) = parsed(text)

        assert isinstance(one, Record)
        assert isinstance(two, Record)
        assert (one.dn, one.line) == (b"cn=a", 5)
        assert one.values == {"cn": [b"a"], "SN": ["é".encode()], "empty": [b""], "cn;lang-fr": [b"b"]}
        assert (two.dn, two.line, two.values) == (b"cn=b", 14, {})
        assert text.encode()[two.offset :].startswith(b"dn:: Y249Yg==")

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        (one,) = parsed("\ufeffdn: cn=a\ncn: a\n")

        assert isinstance(one, Record)
        assert (one.dn, one.offset) == (b"cn=a", 0)

    def test_version_may_stand_next_to_the_first_record_and_lines_may_end_with_crlf(self) -> None:
        (one,) = parsed("version: 1\r\ndn: cn=a\r\ncn: a\r\n")

        assert isinstance(one, Record)
        assert one.values == {"cn": [b"a"]}

    def test_each_page_that_ldapsearch_writes_may_have_its_version(self) -> None:
        one, two = parsed("version: 1\n\n#\n\ndn: cn=a\n\n# pagedresults: cookie=\nversion: 1\n\n#\n\ndn: cn=b\n")

        assert isinstance(one, Record)
        assert isinstance(two, Record)
        assert (one.dn, two.dn, two.line) == (b"cn=a", b"cn=b", 12)

    @pytest.mark.parametrize(
        ("text", "line", "why"),
        [
            ("version: 2\n", 1, "only version 1"),
            ("dn: a\ncn\n", 2, "not of the form"),
            ("dn: a\n: b\n", 2, "not of the form"),
            ("dn: a\nc n: b\n", 2, "not of the form"),
            (" folded\n", 1, "not of the form"),
            ("dn: a\njpegPhoto:< file:///etc/passwd\n", 2, "URL"),
            ("dn: a\ncn:: ~~\n", 2, "base64"),
            ("dn: a\nchangetype: delete\n", 2, "ldapsearch"),
            ("dn: a\nControl: 1.2.3\n", 2, "change record"),
            ("dn: a\ncn: b\ndn: c\n", 3, "second name"),
            ("cn: a\ndn: b\n", 1, "begin with"),
            ("search: 2\nresult: 0 Success\n", 1, "ldapsearch -L"),
            ("dn: a\rcn: b\r\n", 1, "carriage return"),
            ("# written by hand\rdn: a\rcn: b\r\n", 1, "carriage return"),
            ("version: 1\rdn: a\r\n", 1, "carriage return"),
            ("dn: a\ncn: b\rmail: c\n", 2, "carriage return"),
            ("dn: a\ncn: b\n  c\0\n", 3, "byte of zero"),
        ],
    )
    def test_a_bad_line_costs_its_record_and_is_named(self, text: str, line: int, why: str) -> None:
        found = parsed(text + "\ndn: cn=good\n")

        assert len(found) == 2
        assert isinstance(found[0], BadRecord)
        assert found[0].line == line
        assert why in found[0].why
        assert isinstance(found[1], Record)


class TestCompleteness:
    """An export that broke off is a correct file, so the file must prove that it is whole."""

    def test_without_a_proof_configured_nothing_is_proven(self, path: Path) -> None:
        path.write_text(person("a"))

        people, proof = consume(source(path))

        assert set(people) == {"a-1"}
        assert not proof.proven
        assert "no trailer, count or checksum is configured" in proof.problems[0]

    def test_the_trailer_counts_the_records(self, path: Path) -> None:
        path.write_text(person("a") + "dn: ou=b\nou: b\n\n# numEntries: 2\n\n")

        _, proof = consume(source(path, complete={"trailer": "# numEntries: {count}"}))

        assert proof.proven
        assert proof.reasons == ("its last line counts 2 records, and so many were read",)

    @pytest.mark.parametrize(
        ("end", "said"),
        [
            ("", "does not end with the trailer"),
            ("# end: 3\n", "announces 3 records in its trailer and holds 1"),
            ("# end: 1\n# later\n", "but with `# later`"),
            ("# end: 1x\n", "does not end with"),
        ],
    )
    def test_another_trailer_proves_nothing(self, path: Path, end: str, said: str) -> None:
        path.write_text(person("a") + end)

        _, proof = consume(source(path, complete={"trailer": "# end: {count}"}))

        assert not proof.proven
        assert said in proof.problems[0]

    def test_what_stands_in_place_of_the_trailer_is_not_shown_where_it_is_somebodys(self, path: Path) -> None:
        path.write_text(person("a") + "dn: uid=b,dc=x\nuserPassword:: e1NTSEF9c2VjcmV0\n")

        _, proof = consume(source(path, complete={"trailer": "# end: {count}"}))

        assert (
            proof.problems[0]
            == f"{path} does not end with the trailer `# end: {{count}}`: it is cut, or not that export"
        )
        assert "e1NTSEF9" not in " ".join(proof.problems)

    def test_a_configured_count(self, path: Path) -> None:
        path.write_text(person("a"))

        assert consume(source(path, complete={"count": 1}))[1].proven
        assert "should hold 2 records and holds 1" in consume(source(path, complete={"count": 2}))[1].problems[0]

    @pytest.mark.parametrize("end", ["", "\n", "\n# a remark within the record\n"])
    def test_a_count_needs_an_empty_line_behind_the_last_record(self, path: Path, end: str) -> None:
        path.write_text(person("a").rstrip() + end)

        assert "last record may be cut" in consume(source(path, complete={"count": 1}))[1].problems[0]

    def test_a_checksum_in_the_settings_or_in_a_file(self, path: Path) -> None:
        path.write_text(person("a"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        beside = path.with_suffix(".sha256")
        beside.write_text(f"{digest.upper()}  {path.name}\n")

        assert consume(source(path, complete={"sha256": digest}))[1].proven
        assert consume(source(path, complete={"sha256": str(beside)}))[1].proven

    @pytest.mark.parametrize(
        "written",
        ["\ufeff{}  staff.ldif\r\n", "SHA256 (staff.ldif) = {}\n", "# today\n{} *export/staff.ldif\n", "\\{}  a\\nb\n"],
    )
    def test_a_checksum_is_found_as_other_programs_write_it(self, path: Path, written: str) -> None:
        path.write_text(person("a"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".sha256").write_text(written.format(digest), encoding="utf-8")

        assert consume(source(path, complete={"sha256": "staff.sha256"}))[1].proven

    def test_a_file_without_a_checksum_is_none(self, path: Path) -> None:
        path.write_text(person("a"))
        path.with_suffix(".sha256").write_text(f"SHA512 (staff.ldif) = {'0' * 128}\n")

        assert "or holds none of it" in consume(source(path, complete={"sha256": "staff.sha256"}))[1].problems[0]

    def test_a_checksum_that_differs_or_is_missing(self, path: Path) -> None:
        path.write_text(person("a"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.write_text(person("b"))

        assert "has the checksum" in consume(source(path, complete={"sha256": digest}))[1].problems[0]
        assert "cannot be read" in consume(source(path, complete={"sha256": f"{path}.none"}))[1].problems[0]

    @pytest.mark.parametrize(
        "complete",
        [
            {},
            {"count": 1, "minimum": 0},
            {"count": 1, "settle": "soon"},
            {"count": 1, "trailer": "# {count}"},
            {"trailer": "# end"},
            {"trailer": "{count}"},
            {"count": -1},
        ],
    )
    def test_exactly_one_proof_that_can_be_told_from_data(self, complete: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            source(Path("x"), complete=complete)

    def test_a_file_that_changes_while_it_is_read(self, path: Path) -> None:
        path.write_text(person("a") + person("b") + "# 2\n")
        stream = source(path, complete={"trailer": "# {count}"}).read(())
        entries: Iterator[Entry] = iter(stream)
        next(entries)
        replacement = path.with_suffix(".new")
        replacement.write_text(person("a") + "# 1\n")
        os.replace(replacement, path)

        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            list(entries)

    def test_a_file_that_grows_while_it_is_looked_over(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text(person("a"))
        grown = Picture.note

        def note(picture: Picture, record: Record | BadRecord) -> None:
            path.write_text(person("a") + person("b"))
            grown(picture, record)

        monkeypatch.setattr(Picture, "note", note)

        with pytest.raises(SourceUnavailable, match="changed while it was read") as caught:
            consume(source(path))
        assert "renames" in caught.value.advice

    def test_a_file_that_was_written_a_moment_ago_is_not_read(self, path: Path) -> None:
        path.write_text(person("a"))
        resting = source(path, complete={"count": 1, "settle": "60s"})
        with pytest.raises(SourceUnavailable, match="once it was left alone for 1m"):
            consume(resting)
        with pytest.raises(SourceUnavailable, match="left alone"):
            resting.find(Anchor("x", "a-1"), ())

        dated(path, seconds=61)

        assert consume(resting)[1].proven

    def test_an_old_file_is_not_believed(self, path: Path) -> None:
        path.write_text(person("a"))
        fresh = source(path, complete={"count": 1, "not_older_than": "26h"})
        assert consume(fresh)[1].proven

        dated(path, seconds=27 * 3600)

        (problem,) = consume(fresh)[1].problems
        assert "and should not be older than 26h" in problem
        with pytest.raises(SourceUnavailable, match="not proven"):
            fresh.find(Anchor("x", "b-1"), ())
        dated(path, seconds=-3600)
        assert "yet to come" in consume(fresh)[1].problems[0]

    def test_a_file_below_its_minimum_is_not_believed_whatever_it_proves(self, path: Path) -> None:
        path.write_text(person("a") + person("b") + "# 2\n")

        assert consume(source(path, complete={"trailer": "# {count}", "minimum": 2}))[1].proven
        assert consume(source(path, complete={"trailer": "# {count}", "minimum": 3}))[1].problems == (
            f"{path} holds 2 records, and should hold 3 at least",
        )

    def test_a_minimum_alone_proves_nothing(self, path: Path) -> None:
        path.write_text(person("a"))

        assert "no trailer, count or checksum" in consume(source(path, complete={"minimum": 1}))[1].problems[0]

    @pytest.mark.parametrize("end", ["", "\n"])
    def test_the_last_record_is_left_out_where_it_may_be_cut(self, path: Path, end: str) -> None:
        path.write_text(person("a") + person("b", "mail: b@x.y").rstrip() + end)
        doubtful = source(path)

        people, proof = consume(doubtful)

        assert set(people) == {"a-1"}
        assert f"the last record may be cut, and was left out: {path}:6" in proof.problems
        with pytest.raises(SourceUnavailable, match="not proven"):
            doubtful.find(Anchor("x", "b-1"), ())

    def test_the_last_record_of_a_file_that_is_whole_needs_no_empty_line(self, path: Path) -> None:
        path.write_text(person("a").rstrip())
        digest = hashlib.sha256(path.read_bytes()).hexdigest()

        assert set(consume(source(path, complete={"sha256": digest}))[0]) == {"a-1"}

    def test_a_file_of_several_checksums_is_looked_through_for_the_name(self, path: Path) -> None:
        path.write_text(person("a"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sums = path.with_name("SHA256SUMS")
        sums.write_text(f"{'0' * 64}  other.ldif\n{digest} *export/{path.name}\n\n")
        assert consume(source(path, complete={"sha256": sums.name}))[1].proven

        sums.write_text(f"{digest}  other.ldif\n{digest}  more.ldif\n")

        assert "holds none of it" in consume(source(path, complete={"sha256": sums.name}))[1].problems[0]


class TestPeople:
    """Records become people."""

    def test_a_bad_record_is_left_out_and_named_and_the_rest_comes(self, path: Path) -> None:
        path.write_text(person("a") + person("b", "no colon") + person("c") + "# 3\n")

        people, proof = consume(source(path, complete={"trailer": "# {count}"}, groups={}))

        assert set(people) == {"a-1", "c-1"}
        assert proof.problems[0].endswith(f"{path}:10: not of the form `attribute: value`")
        assert {entry.groups for entry in people.values()} == {None}

    def test_a_person_without_an_id_or_with_one_that_is_taken(self, path: Path) -> None:
        nameless = "dn: uid=z,dc=x\nobjectClass: inetOrgPerson\n\n"
        path.write_text(person("a") + nameless + person("a", "mail: second") + "# 3\n")

        people, proof = consume(source(path, complete={"trailer": "# {count}"}))

        assert people["a-1"].attrs["mail"] == ()
        assert len(proof.problems) == 2
        assert any("without entryuuid were left out" in problem for problem in proof.problems)
        assert any("same entryuuid twice" in problem for problem in proof.problems)

    def test_a_search_knows_nobody_by_an_id_that_is_taken(self, path: Path) -> None:
        path.write_text(person("a") + person("a", "mail: second") + "# 2\n")

        with pytest.raises(SourceUnavailable, match="has nobody called second, and is not proven to be complete"):
            source(path, complete={"trailer": "# {count}"}).search("second", ("mail",), ())

    def test_a_group_with_a_member_that_is_no_text(self, path: Path) -> None:
        path.write_text(person("a") + "dn: cn=g\nobjectClass: groupOfNames\nmember:: /w==\n\n# 2\n")

        people, proof = consume(source(path, complete={"trailer": "# {count}"}, groups={}))

        assert people["a-1"].groups is None
        assert "groups with a member that is not text" in proof.problems[0]

    @pytest.mark.parametrize(
        ("groups", "why"),
        [
            (
                "dn: cn=g,dc=x\nobjectClass: groupOfNames\nmember;range=0-1499: uid=a,dc=x\n\n",
                "a part of their members",
            ),
            (
                "dn: cn=g,dc=x\nobjectClass: groupOfNames\nmember: uid=a,dc=x\n\n"
                "dn: CN=g, dc=x\nobjectClass: groupOfNames\nmember: uid=b,dc=x\n\n",
                "groups of one name",
            ),
        ],
    )
    def test_a_group_of_which_nobody_knows_the_members(self, path: Path, groups: str, why: str) -> None:
        path.write_text(person("a") + groups)
        count = 1 + groups.count("dn: ")

        people, proof = consume(source(path, groups={}, complete={"count": count}))

        assert why in proof.problems[0]
        assert people["a-1"].groups is None

    def test_a_value_that_is_no_text_is_unknown(self, path: Path) -> None:
        path.write_text(person("a", "mail:: /w==") + "# 1\n")

        people, proof = consume(source(path, complete={"trailer": "# {count}"}))

        assert people["a-1"].attrs == {"uid": ("a",)}
        assert "whose mail is not text" in proof.problems[0]

    def test_only_people_of_the_base_come(self, path: Path) -> None:
        path.write_text(person("a") + person("b").replace("dc=x", "OU=In, DC=X") + "# 2\n")

        people, _ = consume(source(path, users={"base": "ou=in,dc=x"}))

        assert set(people) == {"b-1"}

    def test_a_membership_of_nobody_is_told_and_speaks_against_nothing(self, path: Path) -> None:
        group = "dn: cn=vpn,dc=x\nobjectClass: groupOfNames\ncn: vpn\nmember: uid=gone,dc=x\n\n"
        path.write_text(person("a") + group)

        _, proof = consume(source(path, groups={}, complete={"count": 2}))

        assert "groups: 1 membership leads to nobody who was read: uid=gone,dc=x" in proof.reasons
        assert proof.proven

    def test_groups_may_name_people_by_login(self, path: Path) -> None:
        group = "dn: cn=wheel,dc=x\nobjectClass: posixGroup\nmemberUid: a\n\n"
        path.write_text(person("a") + person("b") + group + "# 3\n")
        groups = {"object_class": "posixGroup", "members": "memberUid"}

        people, _ = consume(source(path, groups=groups, complete={"trailer": "# {count}"}))

        assert {key: entry.groups for key, entry in people.items()} == {"a-1": {"cn=wheel,dc=x"}, "b-1": frozenset()}


class TestFind:
    """One person, looked up in the file as it is now."""

    def test_absence_is_in_doubt_in_a_file_that_is_not_proven(self, path: Path) -> None:
        path.write_text(person("a"))
        doubtful = source(path)

        assert doubtful.find(Anchor("x", "a-1"), ()) is not None
        with pytest.raises(SourceUnavailable, match="not proven"):
            doubtful.find(Anchor("x", "b-1"), ())
        with pytest.raises(SourceUnavailable, match="not proven"):
            doubtful.selects(Anchor("x", "b-1"))

    def test_a_file_that_moves_on_between_two_looks(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_text(person("a") + person("b") + "# 2\n")
        stale = source(path, complete={"trailer": "# {count}"})
        assert stale.find(Anchor("x", "b-1"), ()) is not None
        path.write_text("# 0\n")
        monkeypatch.setattr(Picture, "current", lambda _: True)

        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            stale.find(Anchor("x", "b-1"), ())
        stale.close()

    def test_a_new_file_is_noticed(self, path: Path) -> None:
        path.write_text(person("a") + "# 1\n")
        current = source(path, complete={"trailer": "# {count}"})
        assert current.find(Anchor("x", "b-1"), ()) is None

        path.write_text(person("a") + person("b") + "# 2\n")

        assert current.find(Anchor("x", "b-1"), ()) is not None
        current.close()


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=str(path)):
        consume(source(path))


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="could not be read"):
        consume(source(tmp_path))


def test_a_file_that_may_not_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(AccessRefused, match="may not be read"):
        consume(source(path))


def test_utf_16_is_told_by_its_mark(path: Path) -> None:
    path.write_text(person("a"), encoding="utf-16")

    with pytest.raises(SourceUnavailable, match="UTF-16") as caught:
        consume(source(path))
    assert "ldapsearch -LLL" in caught.value.advice


def test_check_counts_what_is_wrong_and_names_the_first_ten(path: Path) -> None:
    path.write_text("".join(person(f"p{n}", "no colon") for n in range(12)) + "# 12\n")
    told = [finding.detail for finding in source(path, complete={"trailer": "# {count}"}).check(()) if not finding.ok]

    (first, *others) = told[0].splitlines()

    assert first == "records that cannot be read were left out (12):"
    assert others[0] == f"{path}:5: not of the form `attribute: value`"
    assert (len(others), others[-1]) == (11, "and 2 more")


def test_check_warns_of_a_count_that_also_stands_below_a_cut_listing(path: Path) -> None:
    path.write_text(person("a") + "# numEntries: 1\n")

    warned = {
        trailer: [
            finding.detail for finding in source(path, complete={"trailer": trailer}).check(("uid",)) if finding.warning
        ]
        for trailer in ("# numEntries: {count}", "# complete: {count}")
    }

    assert warned == {
        "# numEntries: {count}": ["`# numEntries:` counts what came, be it cut by a limit"],
        "# complete: {count}": [],
    }


def test_check_reports_a_missing_file(path: Path) -> None:
    (finding,) = source(path).check(())

    assert (finding.ok, finding.what) == (False, "file")


def test_check_says_what_is_wrong(path: Path) -> None:
    path.write_text(person("a"))

    findings = list(source(path).check(("uid", "mail")))

    assert [finding.what for finding in findings if not finding.ok] == ["proof"]
    assert [finding.detail for finding in findings if finding.warning] == ["nobody has mail"]


def test_check_tells_of_a_password_policy_in_one_line(path: Path) -> None:
    path.write_text(person("a"))

    (told,) = [each for each in source(path).check(("uid", "pwdaccountlockedtime", "pwdendtime")) if each.warning]

    assert told.detail.startswith("nobody has pwdaccountlockedtime, pwdendtime, which a password policy")
    assert "`enabled: openldap`" in told.advice


def test_an_empty_file_is_called_empty(path: Path) -> None:
    path.write_text("")

    (problem,) = consume(source(path, complete={"trailer": "# numEntries: {count}"}))[1].problems

    assert "is empty" in problem
    assert "is cut" not in problem


class TestTheSecondLook:
    """At the same file, after the reading."""

    def test_tells_a_file_that_was_replaced(self, path: Path) -> None:
        path.write_text(person("a") + person("b"))
        staff = source(path, complete={"count": 2})
        _, proof = consume(staff)
        assert staff.confirm(proof) == ()
        stat = path.stat()
        path.write_text(person("a") + person("c"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as long as before, and no younger

        assert staff.confirm(proof) == (f"{path} changed since it was read: run it again",)

    def test_shows_the_places_that_hold_something(self, path: Path) -> None:
        path.write_text(person("a"))

        assert source(path).shows("dc=x")
        assert not source(path).shows("dc=y")

    @pytest.mark.parametrize("canary", ["UID=B, DC=X", "b-1", "B"])
    def test_misses_a_canary(self, path: Path, canary: str) -> None:
        path.write_text(person("a") + person("b"))
        assert consume(source(path, complete={"count": 2}, canaries=[canary]))[1].proven
        path.write_text(person("a") + person("c"))

        _, proof = consume(source(path, complete={"count": 2}, canaries=[canary]))

        assert proof.problems == (f"a canary, which must always be there and be selected, did not come: {canary}",)

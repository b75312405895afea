"""A file that was cut anywhere is never believed."""

import base64
import hashlib
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from iwds.core.model import Proof
from iwds.sources.ldif import Settings, connect

values = st.one_of(
    st.from_regex(r"[a-z0-9@. -]{0,20}", fullmatch=True).map(lambda text: f": {text}".encode()),
    st.binary(max_size=20).map(lambda raw: b":: " + base64.b64encode(raw)),
)
attributes = st.tuples(st.sampled_from([b"mail", b"cn", b"# remark", b"description"]), values).map(b"".join)
bodies = st.lists(attributes, max_size=4).map(lambda lines: b"".join(line + b"\n" for line in lines))


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, int]:
    """A file that ends with an empty line, and how many records it holds."""
    people = draw(st.lists(bodies, min_size=1, max_size=12))
    head = b"dn: uid=%d,dc=x\nobjectClass: inetOrgPerson\nentryUUID: %d\n"
    return b"".join(head % (n, n) + body + b"\n" for n, body in enumerate(people)), len(people)


def proof(content: bytes, complete: dict[str, object]) -> Proof:
    """The proof of a reading of this content."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "staff.ldif"
        path.write_bytes(content)
        given_settings = {"kind": "ldif", "path": path, "realm": "x", "complete": complete, "groups": {}}
        stream = connect("staff", Settings.model_validate(given_settings)).read(("mail",))
        for _ in stream:
            pass
        return stream.finish()


@given(files(), st.data())
@settings(deadline=None)
def test_a_cut_file_with_a_trailer_is_never_proven(file: tuple[bytes, int], data: st.DataObject) -> None:
    content, count = file
    complete: dict[str, object] = {"trailer": "# end of file: {count}"}
    whole = content + b"# end of file: %d" % count  # a line break behind it would be lost without a loss

    assert not proof(whole[: data.draw(st.integers(0, len(whole) - 1))], complete).proven


@given(files(), st.data())
@settings(deadline=None)
def test_a_cut_file_with_a_count_is_never_proven(file: tuple[bytes, int], data: st.DataObject) -> None:
    content, count = file

    assert not proof(content[: data.draw(st.integers(0, len(content) - 1))], {"count": count}).proven


@given(files(), st.data())
@settings(deadline=None)
def test_a_cut_file_with_a_checksum_is_never_proven(file: tuple[bytes, int], data: st.DataObject) -> None:
    content, _ = file
    complete: dict[str, object] = {"sha256": hashlib.sha256(content).hexdigest()}

    assert not proof(content[: data.draw(st.integers(0, len(content) - 1))], complete).proven


@given(files())
@settings(deadline=None)
def test_a_file_that_announces_its_records_is_complete_for_the_same_reason_however_it_does(
    file: tuple[bytes, int],
) -> None:
    content, count = file
    readings = [
        proof(content, {"count": count}),
        proof(content + b"# end: %d\n" % count, {"trailer": "# end: {count}"}),
        proof(content, {"sha256": hashlib.sha256(content).hexdigest()}),
    ]

    doubts = {tuple(problem.split(":")[0] for problem in reading.problems) for reading in readings}
    assert len(doubts) == 1
    assert {reading.count for reading in readings} == {count}

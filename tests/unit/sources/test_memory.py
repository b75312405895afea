"""The memory source's own knobs, and its settings."""

import pytest

from iwds.core.model import Anchor, Entry
from iwds.errors import SourceUnavailable
from iwds.sources.memory import MemorySource, Settings, connect


@pytest.fixture
def source() -> MemorySource:
    return MemorySource("memory", [Entry(Anchor("memory", key), key, {"uid": (key,)}) for key in "abc"])


def test_problems_make_every_reading_unproven(source: MemorySource) -> None:
    source.problems = ["half of them were away"]
    stream = source.read(())

    assert len(list(stream)) == 3
    assert stream.finish().problems == ("half of them were away",)
    assert [finding.detail for finding in source.check(()) if not finding.ok] == ["half of them were away"]


@pytest.mark.parametrize("after", [0, 2, 3])
def test_a_reading_breaks_off_where_it_is_told_to(source: MemorySource, after: int) -> None:
    source.fail_after = after
    stream = source.read(())

    with pytest.raises(SourceUnavailable):
        list(stream)
    with pytest.raises(RuntimeError):
        stream.finish()


def test_a_source_that_is_away_finds_nobody(source: MemorySource) -> None:
    source.fail_after = 0

    with pytest.raises(SourceUnavailable):
        source.find(Anchor("memory", "a"), ())


def test_an_unreadable_attribute_is_not_known(source: MemorySource) -> None:
    source.unreadable = frozenset({"uid"})
    found = source.find(Anchor("memory", "a"), ("uid", "mail"))

    assert found is not None
    assert found.attrs == {"mail": ()}


def test_people_may_be_written_in_the_configuration() -> None:
    settings = Settings.model_validate(
        {
            "kind": "memory",
            "realm": "rehearsal",
            "people": [
                {"id": "1", "name": "Ada", "attributes": {"UID": "ada", "mail": ["a@x", "b@x"]}, "groups": ["CN=VPN"]},
                {"id": "2"},
            ],
        }
    )

    assert list(connect("rehearsal", settings).read(("uid", "mail"))) == [
        Entry(Anchor("rehearsal", "1"), "Ada", {"uid": ("ada",), "mail": ("a@x", "b@x")}, frozenset({"cn=vpn"})),
        Entry(Anchor("rehearsal", "2"), "2", {"uid": (), "mail": ()}, None),
    ]

"""What goes through a recording is handed on as it is; what a reading does not hold is never made up."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from iwds.core.devices import Loss
from iwds.core.model import Anchor, Entry
from iwds.errors import ForeignRealm, LoginUnknown, ServiceUnavailable, SourceUnavailable
from iwds.readings.draft import Draft
from iwds.readings.file import Reading
from iwds.readings.recording import Recorder, RecordingReader, RecordingSource
from iwds.readings.replaying import (
    FixedClock,
    NotCaptured,
    ReplayedReader,
    ReplayedSource,
    Unknown,
)
from iwds.sources.memory import MemorySource
from iwds.targets.memory import MemoryTarget, Settings, connect

HERE = "here"


class Stage:
    """A source and a service, recorded; then the file alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.unknown = folder, Unknown()
        people = [
            Entry(Anchor(HERE, n), f"cn={n},ou=p", {"uid": (n,), "title": ("boss",), "l": ("rome",)}) for n in "ab"
        ]
        self.source = MemorySource("staff", people, HERE, [Entry(Anchor(HERE, "moved"), "cn=m", {"uid": ("m",)})])
        given = {"kind": "memory", "provisioning_id": 20, "groups": ("vpn", "wiki")}
        self.target: MemoryTarget = connect("mfa", Settings.model_validate(given))
        self.recorder = Recorder(Draft(folder), {"title"})
        self.watched = RecordingSource(self.source, self.recorder, "all")
        self.reader = RecordingReader(self.target.reader, self.recorder)

    def replay(self, **settings: Any) -> tuple[ReplayedSource, ReplayedReader]:
        file = self.folder / "a.reading"
        self.recorder.draft.finish(file)
        self.source.entries.clear()
        self.reading = Reading(file)
        source = ReplayedSource("staff", self.reading, self.unknown, "all", **settings)
        return source, ReplayedReader(self.target.reader, self.reading, self.unknown)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.recorder.draft.discard()
    if hasattr(made, "reading"):
        made.reading.close()


def test_a_recording_asks_for_more_and_hands_on_what_was_asked_for(stage: Stage) -> None:
    stream = stage.watched.read({"uid"})
    assert [dict(entry.attrs) for entry in stream] == [{"uid": ("a",)}, {"uid": ("b",)}]
    assert set(stream.finish().presence) == {"uid"}
    found = stage.watched.find(Anchor(HERE, "a"), ())
    assert found is not None
    assert found.attrs == {}
    source, _ = stage.replay()
    assert source.attributes == {"uid", "title"}
    assert [dict(entry.attrs) for entry in source.read({"title"})] == [{"title": ("boss",)}] * 2
    known = source.find(Anchor(HERE, "a"), {"title"})
    assert known is not None
    assert known.attrs == {"title": ("boss",)}


def test_an_attribute_that_was_not_read_is_an_error_and_not_empty(stage: Stage) -> None:
    [*stage.watched.read({"uid"})]
    source, _ = stage.replay()
    with pytest.raises(NotCaptured, match="was not captured"):  # the reading has no end: it proves nothing
        source.read({"uid"})


def test_what_another_mapping_reads_is_named(stage: Stage) -> None:
    stream = stage.watched.read({"uid"})
    list(stream)
    stream.finish()
    source, _ = stage.replay()
    with pytest.raises(NotCaptured, match="l of staff was not captured") as told:
        source.read({"uid", "l"})
    assert "--attributes l" in told.value.advice


def read(stage: Stage) -> None:
    stream = stage.watched.read({"uid"})
    list(stream)
    stream.finish()


def test_a_question_about_one_person_has_the_answer_of_then_each_time(stage: Stage) -> None:
    read(stage)
    moved, gone = Anchor(HERE, "moved"), Anchor(HERE, "gone")
    assert stage.watched.find(moved, ()) is not None
    stage.source.elsewhere.clear()
    assert stage.watched.find(moved, ()) is None
    assert stage.watched.find(gone, ()) is None
    assert not stage.watched.selects(moved)
    assert not stage.watched.deleted(gone)
    assert stage.watched.shows("ou=q")
    with pytest.raises(ForeignRealm):
        stage.watched.find(Anchor("there", "a"), ())
    source, _ = stage.replay()
    assert source.find(moved, ()) is not None
    assert source.find(moved, ()) is None
    assert source.find(moved, ()) is None  # asked more often than then, what was said last
    assert source.find(gone, ()) is None
    assert not source.selects(moved)
    assert not source.deleted(gone)
    assert source.shows("ou=q")
    assert source.shows("ou=p")  # people were read there
    assert source.selects(Anchor(HERE, "a"))
    with pytest.raises(ForeignRealm):
        source.find(Anchor("there", "a"), ())
    with pytest.raises(ForeignRealm):
        source.find(Anchor("nowhere", "a"), ())
    assert not stage.unknown.of


def test_a_question_that_nobody_asked_has_no_answer_and_is_counted(stage: Stage) -> None:
    read(stage)
    source, _ = stage.replay()
    for ask in (
        lambda: source.find(Anchor(HERE, "gone"), ()),
        lambda: source.deleted(Anchor(HERE, "a")),
        lambda: source.shows("ou=q"),
    ):
        with pytest.raises(SourceUnavailable):
            ask()
    assert sum(stage.unknown.of.values()) == 3
    assert source.confirm(stage.source.read(()).finish) == ()  # type: ignore[arg-type]


def test_of_a_narrower_selection_the_others_are_left_out_of_reading_and_proof(stage: Stage) -> None:
    read(stage)
    source, _ = stage.replay(selects=(lambda entry: entry.anchor.id == "a", lambda _: False))
    stream = source.read({"uid", "title"})
    assert [entry.anchor.id for entry in stream] == ["a"]
    proof = stream.finish()
    assert (proof.count, proof.presence, proof.view.places) == (1, {"uid": 1, "title": 1}, {"ou=p": 1})
    assert proof.proven
    assert source.selects(Anchor(HERE, "a"))
    assert not source.selects(Anchor(HERE, "b"))


def test_who_cannot_be_told_to_be_selected_ends_the_replay(stage: Stage) -> None:
    read(stage)
    source, _ = stage.replay(selects=(lambda _: None, lambda _: None))
    with pytest.raises(NotCaptured, match="cn=a,ou=p cannot be told without the directory"):
        [*source.read({"uid"})]
    with pytest.raises(SourceUnavailable):
        source.selects(Anchor(HERE, "a"))


def test_a_source_that_only_an_earlier_configuration_asks_has_recorded_answers_alone(stage: Stage) -> None:
    assert stage.watched.find(Anchor(HERE, "a"), {"uid"}) is not None
    source, _ = stage.replay()
    assert source.find(Anchor(HERE, "a"), {"uid"}) is not None
    with pytest.raises(SourceUnavailable):
        source.selects(Anchor(HERE, "a"))
    with pytest.raises(SourceUnavailable):
        source.find(Anchor(HERE, "b"), {"uid"})


def test_the_service_answers_what_was_read_of_it_and_nothing_else(stage: Stage) -> None:
    ann = stage.target.state.add("ann")
    stage.target.state.members[1, ann.id] = 2
    reader = stage.reader
    reader.read_groups()
    for listing in (reader.read_logins(), reader.read_memberships([1])):
        list(listing)
        listing.finish()
        listing.close()
    assert reader.roles_in([1], ann.id) == {1: 2}
    assert reader.roles_in([2], ann.id) == {}
    assert reader.knows_tagged_creation()
    loss = reader.loss(ann.id)
    with pytest.raises(LoginUnknown):
        reader.loss(99)
    _, again = stage.replay()
    stage.target.state.logins.clear()
    assert [login.login for login in again.read_logins()] == ["ann"]
    assert again.login(ann.id, "ann") is not None
    assert again.login(99, "bob") is None
    members = again.read_memberships([1])
    assert [member.login_id for member in members] == [ann.id]
    assert members.finish().proven
    with pytest.raises(NotCaptured, match="the members of wiki were not captured") as told:
        again.read_memberships([1, 2])
    assert "--groups wiki" in told.value.advice
    assert again.roles_in([1, 2], ann.id) == {1: 2}
    with pytest.raises(ServiceUnavailable):
        again.roles_in([1, 3], ann.id)
    assert again.loss(ann.id) == loss
    assert isinstance(loss, Loss)
    with pytest.raises(LoginUnknown):
        again.loss(99)
    assert again.loss(7) is None
    assert sum(stage.unknown.of.values()) == 2
    assert again.knows_tagged_creation()
    with pytest.raises(AttributeError):
        cast("Any", again).check()


def test_after_the_plan_nothing_is_noted_any_more(stage: Stage) -> None:
    read(stage)
    stage.recorder.on = False
    stage.watched.find(Anchor(HERE, "moved"), ())
    assert not stage.watched.deleted(Anchor(HERE, "moved"))
    stage.reader.read_groups()
    assert [*stage.reader.read_logins()] == []
    source, again = stage.replay()
    assert again.read_groups() == []
    for ask in (lambda: source.find(Anchor(HERE, "moved"), ()), lambda: source.deleted(Anchor(HERE, "moved"))):
        with pytest.raises(SourceUnavailable):
            ask()


def test_time_stands_still() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    clock = FixedClock(noon)
    assert (clock.now(), clock.now(), clock.monotonic()) == (noon, noon, 0.0)

"""A file that was cut at any byte takes nothing from anybody, on the whole way from the file to the plan."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

from iwds.core.change import Change, Write, removes
from iwds.core.plan import Plan, Selection
from iwds.engine import applying
from iwds.errors import SourceUnavailable
from iwds.ports import Source
from iwds.sources import csv, ldif
from tests.unit.engine.rehearsal import Rehearsal

STAFF = (("ada", "vpn", "wiki"), ("bo", "wiki"), ("cy", "vpn"))
"""Logins, each with its groups."""
FEW = 10
"""Where so few examples are wanted of each test, every tenth byte has to do."""
NIGHT, BY_HAND = Selection(), Selection(frozenset({"seen"}))
"""What a run does by itself, and what a person lets through of a doubtful reading."""


def table(staff: tuple[tuple[str, ...], ...]) -> bytes:
    """The staff as a table. Of each row much may be lost before it has too few cells."""
    rows = (f'{who};{who};Née;1;;;"a ""b""";"{",".join(groups)}";{who}@x.y\r\n' for who, *groups in staff)
    return f"\ufeffid;uid;sn;role;disabled;scope;x;teams;mail\r\n{''.join(rows)}END;{len(staff)}\r\n".encode()


def entries(staff: tuple[tuple[str, ...], ...]) -> bytes:
    """The staff as LDIF: people with attributes that may be lost, and groups with members that may be."""
    people = (
        f"dn: uid={who}\nobjectClass: person\nid: {who}\nuid: {who}\nsn:: w6k=\nrole: 1\nmail: {who}\n @x.y\n\n"
        for who, *_ in staff
    )
    groups = (
        f"dn: {group}\nobjectClass: team\n"
        + "".join(f"member: uid={who}\n" for who, *mine in staff if group in mine)
        + "\n"
        for group in ("vpn", "wiki")
    )
    return "".join([*people, *groups, f"# END {len(staff) + 2}\n"]).encode()


def csv_source(path: Path, complete: dict[str, object] | None) -> Source:
    groups = {"column": "teams"}
    data = {"id": "id", "lists": {"teams": ","}, "groups": groups, "complete": complete}
    return csv.connect("hr", csv.Settings.model_validate({"kind": "csv", "path": path, "realm": "here", **data}))


def ldif_source(path: Path, complete: dict[str, object] | None) -> Source:
    data = {
        "id": "id",
        "users": {"object_class": "person"},
        "groups": {"object_class": "team"},
        "complete": complete,
    }
    return ldif.connect("hr", ldif.Settings.model_validate({"kind": "ldif", "path": path, "realm": "here", **data}))


KINDS: dict[str, tuple[Callable[[tuple[tuple[str, ...], ...]], bytes], Callable[..., Source], str]] = {
    "csv": (table, csv_source, "END;{count}"),
    "ldif": (entries, ldif_source, "# END {count}"),
}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "PAUSE", 0)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "staff"


@pytest.fixture
def stage(kind: str, path: Path) -> Iterator[Rehearsal]:
    """Everybody has their login, from the whole file."""
    written, connect, trailer = KINDS[kind]
    path.write_bytes(written(STAFF))
    with closing(Rehearsal()) as stage:
        stage.configure(sources=(connect(path, {"trailer": trailer}),))
        report = stage.run()
        assert report.exit_code == 0
        assert len(stage.ledger()) == len(STAFF)
        assert stage.groups_of("ada") == {"vpn", "wiki"}
        yield stage


def taken(plan: Plan) -> list[Change]:
    """What a plan would take from somebody, or write over."""
    return [change for change in plan.changes if removes(change) or isinstance(change, Write)]


@pytest.mark.parametrize(("proven", "selection"), [(True, NIGHT), (False, BY_HAND)])
def test_a_file_that_was_cut_at_any_byte_takes_nothing(
    stage: Rehearsal, kind: str, path: Path, proven: bool, selection: Selection
) -> None:
    written, connect, trailer = KINDS[kind]
    whole, planned = written(STAFF), 0
    stage.configure(sources=(connect(path, {"trailer": trailer} if proven else None),))
    for at in range(0, len(whole), 1 if settings().max_examples > FEW else FEW):
        path.write_bytes(whole[:at])
        try:
            assert taken(stage.plan(selection)) == [], f"cut at byte {at}"
            planned += 1
        except SourceUnavailable:  # without a heading it is no table
            pass
    assert planned > 10


def test_whoever_is_missing_in_a_whole_file_is_locked(stage: Rehearsal, kind: str, path: Path) -> None:
    """So that the other test can fail."""
    written, *_ = KINDS[kind]
    path.write_bytes(written((("ada", "vpn"), *STAFF[1:2])))

    assert len(taken(stage.plan())) == 2

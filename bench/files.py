"""Reading people from files beside a bare reader that throws everything away: `python -m bench --files`.

`python -m bench.files STAGE FILE` does one of them in a process of its own and prints what it cost as JSON.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.measure import LIMIT_SECONDS, Measured, Stopwatch, peak_mb, root

ATTRIBUTES = ("mail", "givenname", "sn", "mobile", "department", "title", "start", "end")
_SETTINGS: dict[str, Any] = {"realm": "bench", "id": "id"}


def compare(people: int, times: int) -> list[Measured]:
    """The bare reader and the source for each kind of file, each the quickest time."""
    with tempfile.TemporaryDirectory(prefix="iwds-bench-") as name:
        files = {"csv": _table(Path(name), people), "ldif": _entries(Path(name), people)}
        return [
            min((_child(stage, files[stage.split()[1]]) for _ in range(times)), key=lambda one: one.seconds)
            for stage in STAGES
        ]


def table(measured: Sequence[Measured]) -> str:
    """One line for each reading; it is compared with the bare reader of the same file."""
    head = f"{'stage':<12}{'number of':>17}{'seconds':>9}{'x bare':>8}{'CPU s':>8}{'x CPU':>7}{'MB':>5}{'peak':>6}"
    bare = {one.stage.split()[1]: one for one in measured if one.stage.startswith("bare")}
    return "\n".join([head, *(_line(one, bare[one.stage.split()[1]]) for one in measured)])


def _line(one: Measured, peer: Measured) -> str:
    number = f"{one.items:,} {one.unit}"
    return (
        f"{one.stage:<12}{number:>17}{one.seconds:>9.2f}{one.seconds / peer.seconds:>8.1f}{one.cpu:>8.2f}"
        f"{one.cpu / peer.cpu if peer.cpu else 0:>7.1f}{one.before_mb:>5.0f}{one.peak_mb:>6.0f}"
    )


def bare_csv(file: Path, watch: Stopwatch) -> int:
    """The rows of the standard library's reader, dropped."""
    with watch, file.open(encoding="utf-8", newline="") as lines:
        return sum(1 for _ in csv.reader(lines, delimiter=";")) - 2  # heading and trailer


def read_csv(file: Path, watch: Stopwatch) -> int:
    """The source's people, as entries with their groups, dropped."""
    from iwds.sources.csv import Settings, connect

    settings = {**_SETTINGS, "lists": {"groups": ","}, "groups": {"column": "groups"}}
    complete = {"trailer": "END;{count}"}
    model = Settings.model_validate({"kind": "csv", "path": file, "complete": complete, **settings})
    return _read(connect("bench", model), watch)


def bare_ldif(file: Path, watch: Stopwatch) -> int:
    """The lines of the file, split at the colon and dropped; one without ends a record."""
    with watch, file.open("rb") as lines:
        return sum(1 for line in lines if not line.partition(b":")[1]) - 1  # the trailer


def read_ldif(file: Path, watch: Stopwatch) -> int:
    """The source's people, as entries, dropped."""
    from iwds.sources.ldif import Settings, connect

    settings = {**_SETTINGS, "users": {"object_class": "person"}, "complete": {"trailer": "# END {count}"}}
    return _read(connect("bench", Settings.model_validate({"kind": "ldif", "path": file, **settings})), watch)


STAGES: dict[str, Callable[[Path, Stopwatch], int]] = {
    "bare csv": bare_csv,
    "read csv": read_csv,
    "bare ldif": bare_ldif,
    "read ldif": read_ldif,
}


def _read(source: Any, watch: Stopwatch) -> int:
    stream = source.read(ATTRIBUTES)
    with watch:
        count = sum(1 for _ in stream)
    if problems := stream.finish().problems:
        raise RuntimeError(f"the reading is not proven: {problems}")
    return count


def _values(number: int) -> tuple[str, ...]:
    day = f"2020-01-{number % 28 + 1:02d}"
    return (f"p{number}@example.org", f"First{number % 997}", f"Lást{number % 9973}", f"+33 6 {number:08d}",
            f"Department {number % 97}", "Engineer", day, "")  # fmt: skip


def _table(folder: Path, people: int) -> Path:
    file = folder / "people.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, delimiter=";", lineterminator="\n")
        rows.writerow(("id", *ATTRIBUTES, "groups"))
        rows.writerows((number, *_values(number), f"vpn,team {number % 50}") for number in range(people))
        rows.writerow(("END", people))
    return file


def _entries(folder: Path, people: int) -> Path:
    file = folder / "people.ldif"
    with file.open("w", encoding="utf-8") as out:
        for number in range(people):
            pairs = zip(ATTRIBUTES, _values(number), strict=True)
            lines = "".join(f"{name}: {value}\n" for name, value in pairs if value)
            out.write(f"dn: uid=p{number},dc=example\nobjectClass: person\nid: {number}\n{lines}\n")
        out.write(f"# END {people}\n")
    return file


def _child(stage: str, file: Path) -> Measured:
    command = [sys.executable, "-m", "bench.files", stage, str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root(), timeout=LIMIT_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"the stage {stage} failed")
    return Measured(**json.loads(done.stdout))


def _main(stage: str, file: str) -> None:
    watch = Stopwatch()
    items = STAGES[stage](Path(file), watch)
    print(json.dumps(asdict(Measured(stage, items, "people", watch.seconds, watch.cpu, watch.before_mb, peak_mb()))))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])

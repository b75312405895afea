"""`python -m bench`: one run that measures every stage, and cleans up after itself."""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import files, graph, lanes, rules
from bench.measure import Measured
from bench.population import Population
from bench.report import machine, sizes_table, table
from bench.running import measure, measure_all, prepared
from bench.stages import READING, STAGES
from iwds.demo.slapd import missing
from iwds.errors import IwdsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, measure, print; returns the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _ended)
    if not (options.lanes or options.mapping or options.graph or options.files) and (reason := missing()):
        print(f"bench: {reason}", file=sys.stderr)
        return 1
    try:
        measured = _chosen(options)
    except (IwdsError, RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--people", type=_count, default=10_000, metavar="N", help="in the directory (10000)")
    parser.add_argument("--changed", type=_percent, default=1.0, metavar="PERCENT", help="of them differ (1)")
    parser.add_argument("--first-run", action="store_true", help="nobody has a login yet")
    parser.add_argument("--sizes", type=_counts, metavar="N,N", help="only the memory of one stage, for several sizes")
    parser.add_argument("--of", choices=("plan", "drift", "replay"), default="plan", help="the stage of --sizes (plan)")
    parser.add_argument("--reading", action="store_true", help="only reading the directory")
    parser.add_argument("--changes", action="store_true", help="only a run of what changed: 50 people of them")
    parser.add_argument("--lanes", action="store_true", help="only reading the service, in one lane and in four")
    parser.add_argument("--graph", action="store_true", help="only reading Microsoft Graph, beside a bare loop")
    parser.add_argument("--files", action="store_true", help="only reading files, beside a bare reader")
    parser.add_argument("--mapping", action="store_true", help="only the rules: what mapping one person costs")
    parser.add_argument("--repeat", type=_times, default=1, metavar="N", help="each stage; the quickest counts (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured to a file as well")
    return parser


def _chosen(options: argparse.Namespace) -> list[dict[str, object]]:
    if options.mapping:
        return _mapping(options)
    if options.graph:
        return _graph(options)
    if options.files:
        return _files(options)
    return _lanes(options) if options.lanes else _sizes(options) if options.sizes else _stages(options)


def _mapping(options: argparse.Namespace) -> list[dict[str, object]]:
    costs = rules.compare(options.people)
    print(rules.table(costs))
    return [asdict(cost) for cost in costs]


def _graph(options: argparse.Namespace) -> list[dict[str, object]]:
    measured = graph.compare(options.people, options.repeat)
    print(graph.table(measured))
    return [{"people": options.people, "delay_ms": ms, **asdict(one)} for ms, one in measured]


def _files(options: argparse.Namespace) -> list[dict[str, object]]:
    measured = files.compare(options.people, options.repeat)
    print(files.table(measured))
    return [{"people": options.people, **asdict(one)} for one in measured]


def _stages(options: argparse.Namespace) -> list[dict[str, object]]:
    changed = round(options.people * options.changed / 100)
    population = Population(options.people, changed, options.first_run or options.reading)
    line = machine(population)
    with prepared(population) as folder:
        stages = READING if options.reading else ["changes"] if options.changes else list(STAGES)
        measured = measure_all(folder, population, stages, options.repeat)
    print(line, table(measured), sep="\n\n")
    return [_data(population, one) for one in measured]


def _sizes(options: argparse.Namespace) -> list[dict[str, object]]:
    """Each size with as many differences as the smallest has, then the largest with its own."""
    few = round(min(options.sizes) * options.changed / 100)
    many = round(max(options.sizes) * options.changed / 100)
    populations = [*(Population(size, few) for size in options.sizes), Population(max(options.sizes), many)]
    rows = []
    for population in populations:
        with prepared(population) as folder:
            if options.of == "replay":
                measure(folder, "capture", 1)
            rows.append((population, measure(folder, options.of, options.repeat)))
    print(sizes_table(rows))
    return [_data(population, one) for population, one in rows]


def _lanes(options: argparse.Namespace) -> list[dict[str, object]]:
    rows = lanes.compare(options.people)
    print(lanes.table(rows))
    return [{"people": options.people, "delay_ms": ms, **asdict(one)} for ms, one in rows]


def _data(population: Population, measured: Measured) -> dict[str, object]:
    return {"population": asdict(population), **asdict(measured)}


def _count(text: str) -> int:
    number = int(text.replace("_", ""))
    if not 10 <= number <= 10_000_000:
        raise argparse.ArgumentTypeError("from 10 to 10000000")
    return number


def _times(text: str) -> int:
    return max(1, int(text))


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _percent(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 50:
        raise argparse.ArgumentTypeError("from 0 to 50")
    return number


def _ended(number: int, _: object) -> None:
    """SIGTERM unwinds, so that servers and files are cleaned up."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())

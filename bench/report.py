"""The tables: 80 columns, numbers to the right."""

import os
import platform
from collections.abc import Sequence

from bench.measure import Measured
from bench.population import Population


def machine(population: Population) -> str:
    """What was measured, and on what."""
    what = "a first run" if population.first_run else f"{population.changed:,} of them differ"
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return f"{population.people:,} people, {what}; {cores} cores (load {load:.1f}), Python {platform.python_version()}"


def table(measured: Sequence[Measured]) -> str:
    """One line per stage; the first one is what the others are compared with."""
    peer = measured[0]
    head = f"{'stage':<17}{'number of':>17}{'per s':>9}{'seconds':>8}{'x peer':>7}"
    head += f"{'CPU s':>7}{'x CPU':>6}{'MB':>4}{'peak':>5}"
    return "\n".join([head, *(_line(each, peer) for each in measured)])


def _line(one: Measured, peer: Measured) -> str:
    number = f"{one.items:,} {one.unit}"
    rate = one.items / one.seconds if one.seconds else 0
    return (
        f"{one.stage:<17}{number:>17}{rate:>9,.0f}{one.seconds:>8.2f}{one.seconds / peer.seconds:>7.1f}{one.cpu:>7.2f}"
        f"{one.cpu / peer.cpu if peer.cpu else 0:>6.1f}{one.before_mb:>4.0f}{one.peak_mb:>5.0f}"
    )


def sizes_table(rows: Sequence[tuple[Population, Measured]]) -> str:
    """The memory of one stage, one line per population."""
    head = f"{'people':>12}{'differ':>12}{'seconds':>10}{'CPU s':>10}{'MB before':>12}{'MB peak':>10}"
    lines = (
        f"{of.people:>12,}{of.differing + of.leavers:>12,}{one.seconds:>10.2f}{one.cpu:>10.2f}{one.before_mb:>12.0f}"
        f"{one.peak_mb:>10.0f}"
        for of, one in rows
    )
    return "\n".join([head, *lines])

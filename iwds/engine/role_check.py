"""What `iwds check` says of roles in groups: which are in use, and what reading them takes."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from iwds.core.model import Group
from iwds.core.words import many, role_words
from iwds.engine.job import Job
from iwds.ports import Finding

SAMPLE = 20
"""How many members of each group are asked about: a call each."""


def role_findings(job: Job) -> Iterator[Finding]:
    """A finding for each group in which the mapping governs roles, and one about calls; none where it governs none.

    Raises `Unavailable` and `AccessRefused` where the service cannot be read.
    """
    groups = [group for group in job.target.read_groups() if group.name in job.rules.group_roles]
    if not groups:
        return
    counts, samples, logins = _members(job, groups)
    begun = time.perf_counter()
    for group in groups:
        yield _in_use(job, group, samples[group.id], counts[group.id])
    asked = sum(map(len, samples.values()))
    yield _calls(job, logins, (time.perf_counter() - begun) / asked if asked else 0.0)


def _members(job: Job, groups: Sequence[Group]) -> tuple[Mapping[int, int], Mapping[int, list[int]], int]:
    """Members and the first few of them per group, and how many logins are in any of the groups."""
    counts: Counter[int] = Counter()
    samples: dict[int, list[int]] = {group.id: [] for group in groups}
    logins: set[int] = set()
    for member in job.target.read_memberships([group.id for group in groups]):
        counts[member.group_id] += 1
        logins.add(member.login_id)
        if len(samples[member.group_id]) < SAMPLE:
            samples[member.group_id].append(member.login_id)
    return counts, samples, len(logins)


def _in_use(job: Job, group: Group, sample: Sequence[int], members: int) -> Finding:
    """The roles of a few members; worth a look where the mapping gives some of them to nobody."""
    held = Counter(role for login in sample if (role := job.target.role_in(group.id, login)) is not None)
    names = tuple((number, name) for name, number in job.target.group_roles.items())
    used = ", ".join(f"{role_words(role, names)} ({role}) {n:,}" for role, n in sorted(held.items())) or "none"
    text = f"{group.name}: {used}; {len(sample):,} of {members:,} members were asked"
    given = {job.target.group_roles[role] for role in job.rules.group_roles[group.name]}
    others = ", ".join(str(role) for role in sorted(held.keys() - given))
    advice = f"no line of the mapping gives role {others} there: who has it would get another one" if others else ""
    return Finding(True, "roles", text, advice, warning=bool(others))


def _calls(job: Job, logins: int, seconds: float) -> Finding:
    """A login costs one call, however many of its roles are asked for."""
    usual = -(-logins // job.verify_roles_every)
    if not logins:
        return Finding(True, "roles", "nobody is in these groups yet, so that reading their roles takes no call")
    first, then = (_minutes(calls * seconds / job.target.lanes) for calls in (logins, usual))
    text = (
        f"reading them takes at most {many(logins, 'call')} in a first night ({first} at the speed of now)"
        f" and {usual:,} in a usual one ({then})"
    )
    return Finding(True, "roles", text)


def _minutes(seconds: float) -> str:
    return f"about {round(seconds / 60):,} min" if seconds >= 60 else "less than a minute"

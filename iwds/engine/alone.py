"""What who looks at single people has to know beside them, where only a run that reads everybody would see it."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice

from iwds.core.alone import Alone
from iwds.core.doubt import GROUPS
from iwds.core.matching import Match, Tally, believed
from iwds.core.model import Absent, Account, Unmapped, fold
from iwds.engine.job import Job, Tools
from iwds.engine.leasing import APART
from iwds.engine.sighting import One
from iwds.engine.surroundings import another_service, has_changed

SAMPLE = 20
"""How many other logins are looked up before a login that is not the one we knew is believed to be an exception."""
HALF, NEARLY_ALL = 0.5, 0.9
_LOOKED_THROUGH = 50
"""In how many runs is looked for the last one that read everybody."""


def alone_of(job: Job, one: One) -> Alone:
    """What is known of somebody who was looked at alone."""
    return Alone(
        provisioning_id=job.policy.provisioning_id,
        applied_before=one.memory.applied_before,
        changed=has_changed(job, one.memory),
        rivals_known=not one.rivals_unsure,
        scope_seen=_scope_seen(job, one),
        name_seen=_name_seen(job, one),
        doubt=one.doubt,
    )


def alone_with(job: Job, one: One, left: frozenset[str]) -> Alone:
    """The same where nobody watches, of somebody who was shown to have left these groups of the directory."""
    alone = replace(alone_of(job, one), usual=_shows_what_many_have(job, one, NEARLY_ALL))
    before = _with_groups(job, one, left)
    if before is None or one.world is None:
        return alone
    now = one.counts.mapped if one.counts else None
    if isinstance(now, Unmapped):
        return replace(alone, scope_seen=True)
    lost = (before.groups or frozenset()) - ((now.groups if now else None) or frozenset())
    return replace(alone, left=one.world.group_ids(lost))


def _with_groups(job: Job, one: One, left: frozenset[str]) -> Account | None:
    """The account that they would have, had they not left these groups."""
    entry = one.counts.entry if one.counts else None
    if entry is None or not left or entry.groups is None or entry.unread:
        return None
    made = job.rules.map(replace(entry, groups=entry.groups | left), one.world.now) if one.world else None
    made = job.target.normalise(made, entry.name) if isinstance(made, Account) else made
    return made if isinstance(made, Account) else None


def _scope_seen(job: Job, one: One) -> bool:
    """Whether an entry that is out of scope is so by what it says: else what would keep them in may be hidden."""
    person = one.person
    if one.counts is None or not isinstance(person, Unmapped):
        return True
    return person.reason is not Absent.OUT_OF_SCOPE or person.disabled or _shows_what_many_have(job, one, HALF)


def _shows_what_many_have(job: Job, one: One, share: float) -> bool:
    """Whether an entry shows everything that at least this share of all people had when they were last read."""
    seen = one.counts
    baseline = one.memory.baselines.get(seen.source) if seen else None
    if seen is None or baseline is None:
        return False
    looked_at = job.rules.attributes | ({GROUPS} if job.rules.reads_groups else set())
    usual = {key for key in looked_at if baseline.presence.get(key, 0) >= max(1, share * baseline.count)}
    shown = {name for name, values in seen.entry.attrs.items() if values} | ({GROUPS} if seen.entry.groups else set())
    return usual <= shown


def _name_seen(job: Job, one: One) -> bool:
    """Whether the login stands in the one attribute that logins come from: of several, a hidden one says another."""
    if one.counts is None or len(job.rules.login_attributes) != 1:
        return False
    (attribute,) = job.rules.login_attributes
    values = one.counts.entry.attrs.get(attribute, ())
    return fold(one.counts.mapped.login) in {fold(value.strip()) for value in values}


def population(job: Job, tools: Tools) -> int:
    """Active logins of the job, without reading them: never more than the last run that read everybody found."""
    runs = tools.state.runs(job.name, _LOOKED_THROUGH, without=APART)
    known = (run.report.get("population") for run in runs if run.service == str(job.target.service))
    last = next((number for number in known if number is not None), 0)
    return min(last, tools.state.count_unlocked(job.target.service, job.policy.provisioning_id)) if last else 0


def refuse_another_service(job: Job, tools: Tools, ones: Iterable[One]) -> None:
    """A login that is gone, or is not the one we knew, is an exception only where others are as we knew them."""
    if not any(case.gone is not None or case.match is Match.DOUBTED for one in ones for case in one.cases):
        return
    rows = list(islice(tools.state.ledger(job.target.service), SAMPLE))
    logins = [(row, job.target.login(row.login_id, row.login)) for row in rows]
    strange = sum(login is None or not believed(row, login) for row, login in logins)
    tally = Tally(rows=len(rows), unbelieved=strange)
    if tally.another_service:
        raise another_service(job, tally)

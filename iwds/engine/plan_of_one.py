"""A plan of one person: through the same gates and guards as a plan of everybody, over what was read of this one."""

import secrets
from dataclasses import replace

from iwds.core.assembly import Facts, assemble
from iwds.core.change import Change, DeleteLogin, Write
from iwds.core.configuration import aspects_changed
from iwds.core.decision import Proposal
from iwds.core.guards import Populations
from iwds.core.matching import Tally, believed, retagged
from iwds.core.model import LedgerRow, Proof, Role, Status
from iwds.core.plan import Basis, Plan, Selection
from iwds.engine.job import Job, Tools
from iwds.engine.ruling import rule_of, standing
from iwds.engine.sighting import One
from iwds.engine.surroundings import has_changed


def plan_of(
    one: One,
    job: Job,
    tools: Tools,
    populations: Populations,
    administrators: int,
    selection: Selection | None = None,
) -> Plan:
    """What may be made of what was found of one person; what rests on not having found them is no part of it.

    Args:
        one: somebody of whom everything could be asked.
        populations: what the ratios of the guards are taken of, and what was applied lately.
        administrators: active administrators on the whole service, which one person does not tell.
    """
    assert one.world is not None  # noqa: S101 - everything could be asked
    head = (secrets.token_hex(4), job.name, str(job.target.service), one.world.now)
    basis = _basis(one, job, populations.active, administrators)
    rule = rule_of(job, tools)
    # What needs two people in the plan of everybody needs them of one person too.
    basis = replace(basis, approval=rule.approval, to_approve=rule.counted)
    facts = Facts(basis, populations, job.limits, standing(job, tools), job.lifetime)
    return assemble(head, one.decisions, facts, selection or Selection())


def takes_administrator(one: One) -> bool:
    """Whether what was decided needs to know how many administrators there are."""
    return any(isinstance(each, Proposal) and _is_of_administrator(each.change) for each in one.decisions)


def _is_of_administrator(change: Change) -> bool:
    before = change.before if isinstance(change, Write | DeleteLogin) else None
    return before is not None and before.role == Role.ADMINISTRATOR and before.status == Status.ACTIVE


def _was_retagged(row: LedgerRow, one: One) -> bool:
    logins = (login for login in one.logins if login.id == row.login_id)
    return any(believed(row, login) and retagged(row, login) for login in logins)


def _basis(one: One, job: Job, population: int, administrators: int) -> Basis:
    assert one.world is not None  # noqa: S101 - everything could be asked
    memory, now = one.memory, one.world.now
    changed = has_changed(job, memory)
    sources = (
        Proof(each.source, each.entry.anchor.realm, each.entry.name, 1, ("read by id",), (), now)
        for each in one.sightings
    )
    return Basis(
        sources=tuple(sources),
        service=Proof("service", "", "one login", len(one.logins), ("read by id",), (), now),
        tally=Tally(
            people=len(one.sightings),
            logins=len(one.logins),
            rows=len(one.rows),
            retagged=sum(_was_retagged(row, one) for row in one.rows),
            population=population,
            administrators=administrators,
        ),
        config_digest=job.digest,
        config_changed=changed,
        first_run=not memory.applied_before,
        aspects=aspects_changed(memory.configuration, job.deciding) if changed else (),
        accepted_by=memory.accepted_by if changed else "",
        parts=job.parts,
    )

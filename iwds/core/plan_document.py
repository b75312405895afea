"""A plan as a document (JSON-ready data) and back. What was left alone is in it, with every reason.

The document holds people's data; whoever writes it to a file makes that file readable by its owner alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from iwds.core.approval import NOTHING_NEEDED, Approval, Needed
from iwds.core.decision import Reason, Skip
from iwds.core.document import change_from_data, change_to_data, subject_from_data, subject_to_data
from iwds.core.guards import Gauge, GuardKind
from iwds.core.matching import Tally
from iwds.core.model import Proof, View
from iwds.core.plan import Basis, Plan, Selection

SCHEMA = 1
"""Grows with every change of the document that an older reader would misunderstand."""


HOLDS = "logins, names, mail addresses, phone numbers and extra fields"
"""What a plan tells of people, in words, for whoever finds its document."""


def document_digest(data: Mapping[str, Any]) -> str:
    """The hash of a whole document but for itself: id, times, skips and notes too, which `Plan.digest` leaves out."""
    rest = {key: value for key, value in data.items() if key != "document_digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """A plan as JSON-ready data; `plan_from_data` gives back a plan with the same digest."""
    data = _to_data(plan)
    return {**data, "document_digest": document_digest(data)}


def _to_data(plan: Plan) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "id": plan.id,
        "job": plan.job,
        "service": plan.service,
        "made_at": plan.made_at.isoformat(),
        "valid_until": _time_to_data(plan.valid_until),
        "delete_by": _time_to_data(plan.delete_by),
        "personal_data": {"people": plan.people, "holds": HOLDS},
        "digest": plan.digest,
        "basis": _basis_to_data(plan.basis),
        "changes": [change_to_data(change) for change in plan.changes],
        "skips": [_skip_to_data(skip) for skip in plan.skips],
    }


def _time_to_data(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(data: str | None) -> datetime | None:
    return datetime.fromisoformat(data) if data else None


def plan_from_data(data: object) -> Plan:
    """The plan of a document; `ValueError` where it is not one, is of another schema, or was altered.

    A document that an older version wrote has neither an end nor a digest over all of it.
    """
    if not isinstance(data, Mapping):
        raise ValueError("not a plan, but something else")
    if data.get("schema") != SCHEMA:
        raise ValueError(f"schema {data.get('schema')!r} instead of {SCHEMA}")
    try:
        plan = Plan(
            id=data["id"],
            job=data["job"],
            service=data["service"],
            made_at=datetime.fromisoformat(data["made_at"]),
            changes=tuple(change_from_data(change) for change in data["changes"]),
            skips=tuple(_skip(skip) for skip in data["skips"]),
            basis=_basis(data["basis"]),
            valid_until=_time(data.get("valid_until")),
            delete_by=_time(data.get("delete_by")),
        )
        digest = plan.digest
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a plan: {error!r}") from error
    if digest != data.get("digest") or not _whole(data):
        raise ValueError("its digest does not fit its content: it was altered after it was made")
    return plan


def _whole(data: Mapping[str, Any]) -> bool:
    """Whether the digest over the whole document fits, or there is none in one that is too old to have it."""
    old = "document_digest" not in data and "valid_until" not in data
    return old or data.get("document_digest") == document_digest(data)


def _skip_to_data(skip: Skip) -> dict[str, Any]:
    data: dict[str, Any] = {
        "subject": subject_to_data(skip.subject),
        "reason": skip.reason.value,
        "detail": skip.detail,
    }
    if skip.change:
        data["change"] = change_to_data(skip.change)
    return data


def _skip(data: Mapping[str, Any]) -> Skip:
    change = change_from_data(data["change"]) if "change" in data else None
    return Skip(subject_from_data(data["subject"]), Reason(data["reason"]), data["detail"], change)


_TALLY = ("people", "absent", "logins", "rows", "unbelieved", "retagged", "population", "administrators")


def _basis_to_data(basis: Basis) -> dict[str, Any]:
    return {
        "sources": [_proof_to_data(proof) for proof in basis.sources],
        "service": _proof_to_data(basis.service),
        "tally": {name: getattr(basis.tally, name) for name in _TALLY},
        "config_digest": basis.config_digest,
        "config_changed": basis.config_changed,
        "first_run": basis.first_run,
        "gauges": [asdict(gauge) for gauge in basis.gauges],
        "selection": {
            "only": sorted(basis.selection.only),
            "allow": dict(basis.selection.allow),
            "reason": basis.selection.reason,
        },
        "agreed": basis.agreed,
        "matched": basis.matched,
        "notes": list(basis.notes),
        "aspects": list(basis.aspects),
        "accepted_by": basis.accepted_by,
        **({"lacking": list(basis.lacking)} if basis.lacking else {}),
        **({"ordered": basis.ordered} if basis.ordered else {}),
        **({} if basis.looked_at is None else {"looked_at": basis.looked_at}),
        "approval": approval_to_data(basis.approval),
        "to_approve": basis.to_approve,
        "parts": dict(basis.parts),
    }


def _basis(data: Mapping[str, Any]) -> Basis:
    chosen = data["selection"]
    return Basis(
        sources=tuple(map(_proof, data["sources"])),
        service=_proof(data["service"]),
        tally=Tally(**data["tally"]),
        config_digest=data["config_digest"],
        config_changed=data["config_changed"],
        first_run=data["first_run"],
        gauges=tuple(Gauge(**{**gauge, "kind": GuardKind(gauge["kind"])}) for gauge in data["gauges"]),
        selection=Selection(frozenset(chosen["only"]), chosen["allow"], chosen["reason"]),
        agreed=data["agreed"],
        matched=data["matched"],
        notes=tuple(data["notes"]),
        aspects=tuple(data.get("aspects", ())),
        accepted_by=data.get("accepted_by", ""),
        lacking=tuple(data.get("lacking", ())),
        ordered=data.get("ordered", ""),
        looked_at=data.get("looked_at"),
        approval=approval_from_data(data.get("approval")),
        to_approve=data.get("to_approve", 0),
        parts=dict(data.get("parts", {})),
    )


def approval_to_data(rule: Approval) -> dict[str, Any]:
    """A rule about approvals as data; `stands` in seconds."""
    return {
        "needed": rule.needed.value,
        "two_people_above": rule.two_people_above,
        "stands": rule.stands.total_seconds(),
    }


def approval_from_data(data: Mapping[str, Any] | None) -> Approval:
    """The rule that `approval_to_data` wrote; of a plan from before there were any that nothing needs approval."""
    if data is None:
        return NOTHING_NEEDED
    return Approval(Needed(data["needed"]), data["two_people_above"], timedelta(seconds=data["stands"]))


def _proof_to_data(proof: Proof) -> dict[str, Any]:
    return {**asdict(proof), "taken_at": proof.taken_at.isoformat(), "proven": proof.proven}


def _proof(data: Mapping[str, Any]) -> Proof:
    fields = {name: value for name, value in data.items() if name != "proven"}
    times = {"taken_at": datetime.fromisoformat(data["taken_at"])}
    texts = {name: tuple(data.get(name, ())) for name in ("reasons", "problems", "withheld")}
    return Proof(**{**fields, **times, **texts, "view": View(**data.get("view", {}))})

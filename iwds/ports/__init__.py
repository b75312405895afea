"""What the engine needs of the world, as protocols. Adapters implement them; nothing here has behaviour."""

from iwds.ports.memory import (
    Audit,
    AuditRow,
    Clock,
    HoldRow,
    Holds,
    IntentRow,
    JobMemory,
    Journal,
    Lease,
    LedgerEffect,
    Outcome,
    Refusals,
    RefusedBind,
    Result,
    RunRow,
    State,
    Unmailed,
)
from iwds.ports.people import Finding, ReadStream, Rules, Source, T_co
from iwds.ports.service import Actions, Listing, TargetReader, TargetWriter
from iwds.ports.waist import Waist

__all__ = [
    "Actions",
    "Audit",
    "AuditRow",
    "Clock",
    "Finding",
    "HoldRow",
    "Holds",
    "IntentRow",
    "JobMemory",
    "Journal",
    "Lease",
    "LedgerEffect",
    "Listing",
    "Outcome",
    "ReadStream",
    "Refusals",
    "RefusedBind",
    "Result",
    "Rules",
    "RunRow",
    "Source",
    "State",
    "T_co",
    "TargetReader",
    "TargetWriter",
    "Unmailed",
    "Waist",
]

"""What can stand in the configuration, as models; sources and targets are plain data here.

Bootstrap validates each of those with the model of its own kind.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from iwds.core.approval import STANDS, Approval, Needed
from iwds.core.guards import DEFAULTS, GuardKind, Limit
from iwds.core.plan import Lifetime
from iwds.core.policy import CENTURY, FULL_WITHIN, MOST_CHANGED, VERIFY_ROLES_EVERY, Leaver

KEEP = timedelta(days=7)
"""How long a captured reading is kept, where nobody says it."""
CENTURY_HOURS = CENTURY // timedelta(hours=1)
_GRACE = r"\d{1,5}[hd]"
_GRACE_WRITTEN = WithJsonSchema({"type": "string", "pattern": f"^{_GRACE}$"})


_SPAN = r"\s*[1-9][0-9]*[smhd]\s*"


def _span(text: object) -> timedelta:
    """How long something lasts; nothing lasts for no time."""
    if isinstance(text, timedelta):
        return text
    if not re.fullmatch(_SPAN, str(text)):
        raise ValueError(f'"{text}" is no duration: write it like 90s, 30m, 72h or 90d')
    return timedelta(seconds=seconds(str(text)))


_SPAN_WRITTEN = WithJsonSchema({"type": "string", "pattern": f"^{_SPAN}$"})
Span = Annotated[timedelta, BeforeValidator(_span), _SPAN_WRITTEN]
"""`72h`, `90d`."""


class LimitSettings(BaseModel):
    """When a guard trips; what is left out has the guard's default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    floor: int | None = Field(default=None, ge=0)
    ratio: float | None = Field(default=None, ge=0, le=1)
    cap: int | None = Field(default=None, ge=0)

    def over(self, default: Limit) -> Limit:
        """This limit, completed by a default."""
        return Limit(
            default.floor if self.floor is None else self.floor,
            default.ratio if self.ratio is None else self.ratio,
            default.cap if self.cap is None else self.cap,
        )


class BudgetSettings(BaseModel):
    """When a run that fails stops; what is left out has its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    floor: int = Field(default=10, ge=0)
    ratio: float = Field(default=0.1, ge=0, le=1)
    silent: int = Field(default=5, ge=1)


class ApprovalSettings(BaseModel):
    """What of a plan needs somebody's approval, and of how many people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    needed: Needed = Needed.NOTHING
    two_people_above: int | None = Field(default=None, ge=0)
    stands: Span = Field(default=STANDS, json_schema_extra={"default": "7d"})

    def rule(self) -> Approval:
        """The rule as the engine knows it."""
        return Approval(self.needed, self.two_people_above, self.stands)


def seconds(text: str) -> float:
    """`90s`, `30m`, `26h`, `7d` in seconds; `ValueError` where it is none of these, or longer than a century."""
    match = re.fullmatch(r"(\d+)([smhd])", text.strip())
    if match is None:
        raise ValueError(f'"{text}" is no duration: write it like 90s, 30m, 2h or 1d')
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[match[2]]
    if int(match[1]) > CENTURY.total_seconds() / unit:
        raise ValueError(f'"{text}" is longer than a century')
    return int(match[1]) * unit


class CaptureSettings(BaseModel):
    """That each run of a job keeps what its plan rests on, to try another configuration on it.

    Attributes:
        keep: for how long.
        attributes: what is read of people beside what the mapping asks for.
        groups: groups of the service whose members are read whatever it takes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: Span = Field(default=KEEP, json_schema_extra={"default": "7d"})
    attributes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class IncrementalSettings(BaseModel):
    """How far a job may run on what changed alone.

    Attributes:
        most: how many people are looked at one by one; where there are more, everybody is read.
        full_within: how long after everybody was read they are read again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    most: int = Field(default=MOST_CHANGED, ge=1)
    full_within: Span = Field(default=FULL_WITHIN, json_schema_extra={"default": "25h"})


class JobSettings(BaseModel):
    """The named pairing of sources, mapping, one target, policy and limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[str, ...]
    """Empty for a job whose people come from batches alone; then there need be no mapping either."""
    mapping: str = Field(default="", validate_default=True)
    golden: str | None = None
    target: str
    mode: Literal["apply", "report"] = "apply"
    leavers: Leaver = Leaver.LOCK
    delete_after: Annotated[timedelta, _GRACE_WRITTEN] | None = Field(default=None, validate_default=True)
    adopt: frozenset[int] = frozenset()
    limits: Mapping[GuardKind, LimitSettings] = Field(default_factory=dict)
    approval: ApprovalSettings = ApprovalSettings()
    failure_budget: BudgetSettings = BudgetSettings()
    deadline: str | None = None
    plan_valid: Span = Field(default=Lifetime().valid, json_schema_extra={"default": "72h"})
    capture: CaptureSettings | None = None
    incremental: IncrementalSettings | None = None

    @field_validator("mapping")
    @classmethod
    def _maps_somebody(cls, text: str, info: ValidationInfo) -> str:
        if not text and info.data.get("sources"):
            raise ValueError("a job with sources needs a mapping")
        return text

    @field_validator("deadline")
    @classmethod
    def _is_a_duration(cls, text: str | None) -> str | None:
        if text is not None:
            seconds(text)
        return text

    verify_roles_every_days: int = Field(default=VERIFY_ROLES_EVERY, ge=1, le=366)

    @field_validator("delete_after", mode="before")
    @classmethod
    def _grace(cls, text: object, info: ValidationInfo) -> object:
        """`12h` or `30d`, where there is a grace, and nowhere else."""
        waits = info.data.get("leavers") is Leaver.LOCK_THEN_DELETE
        if text is None or not waits:
            if waits:
                raise ValueError("leavers: lock-then-delete needs delete_after, such as 30d")
            if text is not None:
                raise ValueError("is only for leavers: lock-then-delete")
            return None
        match = re.fullmatch(_GRACE, written := str(text).strip())
        if match is None or not 0 < (hours := int(written[:-1]) * (24 if written[-1] == "d" else 1)) <= CENTURY_HOURS:
            raise ValueError(f'"{text}" is no grace; write it like 12h or 30d')
        return timedelta(hours=hours)

    def guard_limits(self) -> dict[GuardKind, Limit]:
        """The limits of every guard."""
        return limits_of(self.limits)


def limits_of(written: Mapping[Any, Any]) -> dict[GuardKind, Limit]:
    """The limits of every guard, where so much is written of them: a job's `limits`, checked or as they were kept."""
    read = {GuardKind(kind): LimitSettings.model_validate(each) for kind, each in written.items()}
    plain = LimitSettings()
    return {kind: read.get(kind, plain).over(default) for kind, default in DEFAULTS.items()}


class LogSettings(BaseModel):
    """Where log lines go: standard error, as text or as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class HelpdeskSettings(BaseModel):
    """How long the service keeps what the helpdesk hands out; only told to people, since no call can say it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code_minutes: int = Field(default=30, gt=0)
    link_days: int = Field(default=21, gt=0)
    device_link_days: int = Field(default=21, gt=0)
    unlock_code_minutes: int = Field(default=15, gt=0)
    unlock_link_days: int = Field(default=2, gt=0)


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    state: str = "sqlite:///iwds.db"
    lease_s: int = Field(default=120, ge=5, le=86400)
    keep_plans: Span = Field(default=Lifetime().kept, json_schema_extra={"default": "90d"})
    schedules: str = "schedules"
    readings: str = "readings"
    logs: LogSettings = LogSettings()
    helpdesk: HelpdeskSettings = HelpdeskSettings()
    sources: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Any]] = Field(min_length=1)
    jobs: Mapping[str, JobSettings] = Field(min_length=1)

    @field_validator("jobs")
    @classmethod
    def _kept_while_valid(cls, jobs: Mapping[str, JobSettings], info: ValidationInfo) -> Mapping[str, JobSettings]:
        for name, job in jobs.items():
            if job.plan_valid > info.data.get("keep_plans", job.plan_valid):
                raise ValueError(f"{name}: plan_valid is longer than keep_plans, so its plans would be deleted before")
        return jobs

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the interface of pydantic-settings
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - `_overlay` knows names with dashes
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there are no .env files
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - `_overlay` reads nested names
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Everything comes merged, with marks, from `load`."""
        return (init_settings,)

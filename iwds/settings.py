"""The configuration: one YAML file, overridable from the environment and from files of secrets.

Order, the first wins: environment (`IWDS_TARGETS__MFA__URL`), files of secrets (`targets__mfa__password` in
`$CREDENTIALS_DIRECTORY`, then in `/run/secrets`), the YAML file. In these names case does not matter and `_` stands
for `-` too. A value `${file:PATH}` or `${env:NAME}` in the YAML is replaced by what the file or the variable holds.
Sources and targets stay plain data here; bootstrap validates each with the model of its own kind.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from iwds import yamlmarks
from iwds.core.approval import STANDS, Approval, Needed
from iwds.core.configuration import digest_of
from iwds.core.guards import DEFAULTS, GuardKind, Limit
from iwds.core.nearest import nearest
from iwds.core.plan import Lifetime
from iwds.core.policy import CENTURY, FULL_WITHIN, MOST_CHANGED, VERIFY_ROLES_EVERY, Leaver
from iwds.errors import ConfigurationError

PREFIX = "IWDS_"
KEEP = timedelta(days=7)
"""How long a captured reading is kept, where nobody says it."""
CENTURY_HOURS = CENTURY // timedelta(hours=1)
SECRET_FOLDERS = ("CREDENTIALS_DIRECTORY", "/run/secrets")
REFERENCE = re.compile(r"\$\{(file|env):([^}]+)\}")
"""What stands for the content of a file or of an environment variable."""
_GRACE = r"\d{1,5}[hd]"
_GRACE_WRITTEN = WithJsonSchema({"type": "string", "pattern": f"^{_GRACE}$"})
_SECRET_KEY = re.compile(r"pass(word|phrase)|secret|token|credential|api_?key", re.IGNORECASE)
_OPERATIONAL = frozenset({"ca_file", "certificate_key", "page_size", "timeout_s"})
"""Settings of sources that say how to read: they do not decide who is read."""
_PROVING = frozenset({"count", "minimum", "not_older_than", "settle", "sha256"})
"""What a whole file must come to, below `complete`: it does not either."""


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


@dataclass(frozen=True, slots=True)
class Configuration:
    """Validated settings, and how to say where each of them stands.

    Attributes:
        settings: the settings.
        file: the YAML file; relative paths in it are relative to its folder.
        marked: the file with its marks.
        warnings: what works and should be mended, each a sentence.
        overrides: the variable or file of secrets that gave a setting, by the path of the setting.
    """

    settings: Settings
    file: Path
    marked: yamlmarks.Marked
    warnings: tuple[str, ...]
    overrides: Mapping[tuple[str | int, ...], str]

    def path(self, text: str) -> Path:
        """A path from the configuration, seen from where the configuration stands."""
        return self.file.parent / Path(text).expanduser()

    def where(self, *path: str | int) -> tuple[str, int]:
        """File and line of a setting; what gave it, and no line, where that is not the file."""
        return _where(path, self.marked, self.overrides)

    def error(self, message: str, *path: str | int, advice: str = "") -> ConfigurationError:
        """A configuration error that names the place of a setting."""
        file, line = self.where(*path)
        return ConfigurationError(message, advice, file, line)

    def job(self, name: str) -> JobSettings:
        """One job by name."""
        if name not in self.settings.jobs:
            raise ConfigurationError(
                f'there is no job "{name}"{nearest(name, self.settings.jobs)}', file=str(self.file)
            )
        return self.settings.jobs[name]

    def job_names(self) -> Sequence[str]:
        """All jobs, in the order of the file."""
        return tuple(self.settings.jobs)


def find(explicit: Path | None) -> Path:
    """The configuration file: as named, else `$IWDS_CONFIG`, else `config.yaml` here, else `/etc/iwds/config.yaml`."""
    if explicit is not None:
        return explicit
    if named := os.environ.get("IWDS_CONFIG"):
        return Path(named)
    candidates = (Path("config.yaml"), Path("/etc/iwds/config.yaml"))
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ConfigurationError(
        f"no configuration: looked for {' and '.join(map(str, candidates))}",
        "write one with: iwds init   or see it all work with: iwds demo",
    )


def load(explicit: Path | None = None, *, secrets: bool = True) -> Configuration:
    """Read, merge and validate. Every failure is a `ConfigurationError` that names file and line.

    Without `secrets` what refers to one stays unknown, so that a configuration can be looked at where they are not.
    """
    file = find(explicit)
    marked = yamlmarks.load(file)
    data = marked.data
    if not isinstance(data, dict):
        raise ConfigurationError("must be keys and values", "see config.example.yaml", str(file), 1)
    warnings = [*_readable_by_all(file, data)]
    overrides = _overlay(data, _environment())
    resolved = _resolve(data if secrets else without_secrets(data), marked, (), warnings)
    settings = yamlmarks.validate(Settings, resolved, lambda path: _where(path, marked, overrides))
    return Configuration(settings, file, marked, tuple(warnings), overrides)


def _where(
    path: Sequence[str | int], marked: yamlmarks.Marked, overrides: Mapping[tuple[str | int, ...], str]
) -> tuple[str, int]:
    """File and line of a setting; what overrode it, or what is around it, and no line, where something did."""
    steps = tuple(path)
    around = (overrides.get(steps[:length]) for length in range(len(steps), 0, -1))
    given = next((name for name in around if name), "")
    return (given, 0) if given else marked.where(path)


def _environment() -> Iterator[tuple[str, str, str]]:
    """Overrides as (name without prefix, text, what gave it), the weakest first."""
    for folder in reversed(SECRET_FOLDERS):
        path = Path(os.environ.get(folder, "") if folder.isupper() else folder)
        if str(path) != "." and path.is_dir():
            files = (entry for entry in sorted(path.iterdir()) if "__" in entry.name and entry.is_file())
            yield from ((entry.name, entry.read_text(encoding="utf-8").rstrip("\r\n"), str(entry)) for entry in files)
    for name, text in sorted(os.environ.items()):
        if name.upper().startswith(PREFIX) and name.upper() not in ("IWDS_CONFIG", "IWDS_TEST"):
            yield name[len(PREFIX) :], text, name


def _overlay(
    data: MutableMapping[str, Any], overrides: Iterator[tuple[str, str, str]]
) -> Mapping[tuple[str | int, ...], str]:
    """Put each override where its name points; unknown names meet the same complaint as unknown keys.

    Returns what gave each setting that is not the file's own, and each part that exists for such a setting alone.
    """
    given: dict[tuple[str | int, ...], str] = {}
    for name, text, source in overrides:
        *parents, last = name.split("__")
        place: MutableMapping[str, Any] = data
        path: tuple[str | int, ...] = ()
        for step in parents:
            key = _known(step, place)
            path = *path, key
            if key not in place:
                given[path] = source
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ConfigurationError(f"{source}: there is nothing below {step}")
            place = inner
        key = _known(last, place)
        place[key] = _value(text)
        given[*path, key] = source
    return given


def _known(step: str, place: Mapping[str, Any]) -> str:
    """The key that a step of a name means: environment names know neither case nor dashes."""
    plain = step.lower().replace("-", "_")
    return next((key for key in place if key.lower().replace("-", "_") == plain), plain)


def _value(text: str) -> Any:
    """Lists and mappings are written as JSON; everything else stays text, which the models read leniently."""
    if text[:1] not in "[{":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _resolve(value: Any, marked: yamlmarks.Marked, path: tuple[str | int, ...], warnings: list[str]) -> Any:
    """The same data with its references replaced."""
    if isinstance(value, dict):
        return {key: _resolve(inner, marked, (*path, key), warnings) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, marked, (*path, index), warnings) for index, inner in enumerate(value)]
    if isinstance(value, str) and (reference := REFERENCE.fullmatch(value)):
        return _referred(reference[1], reference[2], marked.where(path), warnings)
    return value


def _referred(kind: str, name: str, where: tuple[str, int], warnings: list[str]) -> str:
    """What a reference stands for; `where` is file and line of the setting that refers."""
    file, line = where
    if kind == "env":
        if name not in os.environ:
            raise ConfigurationError(f"${{env:{name}}}: the environment has no {name}", file=file, line=line)
        return os.environ[name]
    path = Path(file).parent / Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"${{file:{name}}}: {path} cannot be read: {reason}", file=file, line=line) from error
    if path.stat().st_mode & stat.S_IROTH:
        warnings.append(f"{path} holds a secret and everybody can read it: chmod 600 {path}")
    return text


def _readable_by_all(file: Path, data: Mapping[str, Any]) -> Iterator[str]:
    if file.stat().st_mode & stat.S_IROTH and _holds_secret(data):
        yield f"{file} holds a secret and everybody can read it: chmod 600 {file}"


def _holds_secret(value: Any, key: str = "") -> bool:
    if isinstance(value, dict):
        return any(_holds_secret(inner, name) for name, inner in value.items())
    if isinstance(value, list):
        return any(_holds_secret(inner, key) for inner in value)
    return bool(_SECRET_KEY.search(key)) and isinstance(value, str) and not REFERENCE.fullmatch(value)


def without_secrets(value: Any, key: str = "") -> Any:
    """Plain data as it may be stored and shown: nothing that stands below a key that sounds secret."""
    if key and _SECRET_KEY.search(key) and value is not None:
        return "…"
    if isinstance(value, Mapping):
        return {name: without_secrets(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(inner, key) for inner in value]
    return value


def _deciding(value: Any, not_these: frozenset[str] = _OPERATIONAL) -> Any:
    """A source's settings as far as they decide who is read and what is read of them."""
    if isinstance(value, Mapping):
        kept = {name: inner for name, inner in value.items() if name not in not_these}
        return {name: _deciding(inner, _PROVING if name == "complete" else frozenset()) for name, inner in kept.items()}
    return value


def deciding(
    job: JobSettings,
    sources: Mapping[str, Mapping[str, Any]],
    rules: str,
    provisioning_id: int,
    roles: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Any]:
    """Everything in a configuration that can decide over somebody's access, as plain data without secrets.

    Args:
        job: mode and limits do not count: they take nobody's access away by themselves.
        sources: plain settings of the job's sources; passwords and how to read do not count.
        rules: the digest of the mapping.
        provisioning_id: whose logins are ours.
        roles: the numbers of the custom roles that the mapping gives in groups, by name.
    """
    return {
        "sources": {name: _deciding(without_secrets(dict(sources[name]))) for name in job.sources},
        "order": list(job.sources),
        "mapping": rules,
        "leavers": job.leavers.value,
        "adopt": sorted(job.adopt),
        "provisioning_id": provisioning_id,
        **({"delete_after": job.delete_after.total_seconds()} if job.delete_after else {}),
        **({"group_roles": dict(roles)} if roles else {}),
    }


def digest(
    job: JobSettings,
    sources: Mapping[str, Mapping[str, Any]],
    rules: str,
    provisioning_id: int,
    roles: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """A hash of the same; see `deciding`."""
    return digest_of(deciding(job, sources, rules, provisioning_id, roles))

"""The configuration: one YAML file, overridable from the environment and from files of secrets.

Order, the first wins: environment (`IWDS_TARGETS__MFA__URL`), files of secrets (`targets__mfa__password` in
`$CREDENTIALS_DIRECTORY`, then in `/run/secrets`), the YAML file. In these names case does not matter and `_` stands
for `-` too. A value `${file:PATH}` or `${env:NAME}` in the YAML is replaced by what the file or the variable holds.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from iwds import yamlmarks
from iwds.core.configuration import digest_of
from iwds.core.nearest import nearest
from iwds.errors import ConfigurationError
from iwds.settings import JobSettings, Settings

PREFIX = "IWDS_"
SECRET_FOLDERS = ("CREDENTIALS_DIRECTORY", "/run/secrets")
REFERENCE = re.compile(r"\$\{(file|env):([^}]+)\}")
"""What stands for the content of a file or of an environment variable."""
_SECRET_KEY = re.compile(r"pass(word|phrase)|secret|token|credential|api_?key", re.IGNORECASE)
_OPERATIONAL = frozenset({"ca_file", "certificate_key", "page_size", "timeout_s"})
"""Settings of sources that say how to read: they do not decide who is read."""
_PROVING = frozenset({"count", "minimum", "not_older_than", "settle", "sha256"})
"""What a whole file must come to, below `complete`: it does not either."""


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

    def check_references(self, name: str) -> None:
        """Every source and the target that a job names must exist."""
        job = self.job(name)
        for index, source in enumerate(job.sources):
            if source not in self.settings.sources:
                hint = nearest(source, self.settings.sources)
                raise self.error(f'there is no source "{source}"{hint}', "jobs", name, "sources", index)
        if job.target not in self.settings.targets:
            hint = nearest(job.target, self.settings.targets)
            raise self.error(f'there is no target "{job.target}"{hint}', "jobs", name, "target")

    def effective(self, name: str) -> str:
        """A job's configuration as it counts, without secrets, as text for the history."""
        job = self.job(name)
        data = {
            "job": {name: job.model_dump(mode="json")},
            "sources": {name: self.settings.sources[name] for name in job.sources},
            "target": {job.target: self.settings.targets[job.target]},
        }
        return json.dumps(without_secrets(data), default=str, ensure_ascii=False)

    @property
    def state_url(self) -> str:
        """The database URL; a relative SQLite path is seen from where the configuration stands."""
        url = self.settings.state
        prefix = "sqlite:///"
        if url.startswith(prefix) and not url.startswith(prefix + "/") and url != prefix:
            return prefix + str(self.path(url.removeprefix(prefix)).resolve())
        return url


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

"""People in a file that somebody saved, to try a mapping on: an LDIF export, or a CSV table."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from iwds import yamlmarks
from iwds.bootstrap import adapter_of
from iwds.configuration import Configuration
from iwds.errors import UsageError
from iwds.ports import Source


def saved_of_job(config: Configuration, job: str, file: Path) -> Source:
    """The people in a file, found as by the job's own source of that kind, or as usual."""
    ours = [config.settings.sources[name] for name in config.job(job).sources]
    kind = _kind_saved(file)
    first = {"id": ours[0].get("id")} if ours and kind == "ldif" else {}
    return saved(file, next((each for each in ours if each.get("kind") == kind), first))


def saved(file: Path, like: Mapping[str, Any] = MappingProxyType({})) -> Source:
    """The people in an LDIF or CSV file; `like`: settings that say how they are found, where not as usual.

    The file is believed to be whole: nobody loses anything by it. So is a second file with the groups, which is looked
    for beside it, under the name that it has in the settings; without one nobody's groups are known.
    """
    adapter = adapter_of("sources", _kind_saved(file))
    whole = _whole(file, adapter, like)
    known = {key: value for key, value in like.items() if key not in ("complete", "canaries") and value}
    groups = known.get("groups") or {}
    if groups.get("path"):
        members = file.absolute().parent / Path(str(groups["path"])).name
        known["groups"] = (
            {**groups, "path": members, "complete": _whole(members, adapter, groups)} if members.is_file() else None
        )
    data = {
        **(known if "kind" in known else {**adapter.usual(file), **known}),
        "path": file.absolute(),
        "complete": whole,
    }
    model = yamlmarks.validate(adapter.Settings, data, lambda _: (str(file), 0))
    return cast("Source", adapter.connect(file.name, model))


def _kind_saved(file: Path) -> str:
    return "csv" if file.suffix.lower() == ".csv" else "ldif"


def _whole(file: Path, adapter: Any, like: Mapping[str, Any]) -> Mapping[str, str]:
    """The proof that a file is what it is: its trailer, where it has the one of these settings, or its checksum."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    trailer = str((like.get("complete") or {}).get("trailer") or "")
    return {"trailer": trailer} if adapter.ends_with(data, trailer) else {"sha256": hashlib.sha256(data).hexdigest()}

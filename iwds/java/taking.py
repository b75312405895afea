"""From the configuration of the Java IWDS to ours: what the vendor documents is taken, everything else is listed.

Documented are the options of one panel and their file, `conf/inwebo.properties`. A key is recognised where it is the
name of such an option word for word, but for case and what stands between the words. Of no other key is it known what
it means, so its value is not even shown: it may be a secret.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iwds.errors import UsageError
from iwds.java.properties import Property, parse

DOCUMENTED = "inwebo.properties"
"""The one file whose options the vendor documents."""
UNKNOWN = "not taken: not known what it means"
PAGE_SIZES = range(2, 101)
"""What a page of ours may be; the old tool's goes from 0 to 100."""
DELAYS = range(60_001)
"""Milliseconds between two calls that we know how to wait."""
_SECRET = re.compile(r"pass(word|phrase)?|pwd|secret|token|credential|pin\b", re.IGNORECASE)
_NAME = re.compile(r"[\w.\-]{1,80}")


@dataclass(frozen=True, slots=True)
class Taken:
    """One setting that was taken. `where` is file and line; `value` is as YAML writes it."""

    setting: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that was not taken: file and line, its key where that is one, and why."""

    where: str
    key: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}  {f'{self.key}: ' if self.key else ''}{self.why}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder of the old tool held.

    Attributes:
        taken: settings of the target, by the order of the file.
        left: everything else, by file and line.
    """

    taken: Sequence[Taken]
    left: Sequence[Left]

    def setting(self, name: str) -> Taken | None:
        """The setting of this name, if it was taken."""
        return next((each for each in self.taken if each.setting == name), None)

    @property
    def tag(self) -> int | None:
        """The provisioning_id of the old tool, as far as it says one."""
        found = self.setting("provisioning_id")
        return int(found.value) if found else None


def take(folder: Path) -> Found:
    """Read `folder/conf`. Raises `UsageError` where there is none, or where a file of it cannot be read."""
    conf = folder / "conf"
    try:
        files = sorted(conf.iterdir())
    except OSError as error:
        raise UsageError(
            f"{conf} cannot be read: {error.strerror}", "name the working directory of the Java IWDS: it holds conf/"
        ) from None
    told = list(_told_apart([each for file in files for each in _of_file(folder, file)]))
    if not any(_is_documented(file) for file in files):
        told.append(Left(f"conf/{DOCUMENTED}", "", "is not there; no other file is documented"))
    return Found([each for each in told if isinstance(each, Taken)], [each for each in told if isinstance(each, Left)])


def _told_apart(told: Sequence[Taken | Left]) -> Iterator[Taken | Left]:
    """The same without settings that two keys mean: of those nobody knows which one the old tool follows."""
    times = Counter(each.setting for each in told if isinstance(each, Taken))
    for each in told:
        if isinstance(each, Taken) and times[each.setting] > 1:
            yield Left(each.where, each.setting, "not taken: several keys mean it; nobody knows which counts")
        else:
            yield each


def _is_documented(file: Path) -> bool:
    return file.name.lower() == DOCUMENTED


def _of_file(folder: Path, file: Path) -> Iterator[Taken | Left]:
    name = f"conf/{re.sub(r'[^ -~]', '?', file.name)}"
    if not file.is_file():
        yield Left(name, "", "not read: it is no file")
        return
    if file.suffix.lower() != ".properties":
        yield Left(name, "", "not read: its format is not documented")
        return
    try:
        entries = list(parse(file.read_bytes()))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        yield Left(name, "", f"not read: it is no .properties file: {error}")
        return
    last = {entry.key: entry.line for entry in entries}
    for entry in entries:
        where = f"{name}:{entry.line}"
        if last[entry.key] != entry.line:
            yield Left(where, _shown(entry), f"not taken: line {last[entry.key]} says it again, and that one counts")
        else:
            yield _of_entry(entry, where, folder, documented=_is_documented(file))


def _of_entry(entry: Property, where: str, folder: Path, *, documented: bool) -> Taken | Left:
    option = re.sub(r"[^a-z0-9]", "", entry.key.lower()) if documented else ""
    match option:
        case "provisioningid":
            return _number(entry, where, "provisioning_id", range(1, 2**31))
        case "delaybetweentwoqueries":
            return _number(entry, where, "delay_ms", DELAYS)
        case "maximumquerysize":
            return _number(entry, where, "page_size", PAGE_SIZES)
        case "certificatepath":
            return _certificate(entry, where, folder)
        case "activategroupsynchronisation" | "activategroupsynchronization":
            return Left(
                where, _shown(entry), "not taken: here the mapping's `groups:` says which groups follow the directory"
            )
    if _SECRET.search(entry.key):
        return Left(where, _shown(entry), "not taken: it looks like a secret, and none is ever copied")
    return Left(where, _shown(entry), UNKNOWN)


def _shown(entry: Property) -> str:
    """The key, where it surely is one: a line without a value may be a secret that broke."""
    return entry.key if entry.value and _NAME.fullmatch(entry.key) else ""


def _number(entry: Property, where: str, setting: str, allowed: range) -> Taken | Left:
    text = entry.value.strip()
    if re.fullmatch(r"[0-9]{1,9}", text) and int(text) in allowed:
        return Taken(setting, str(int(text)), where)
    return Left(where, _shown(entry) or setting, f"not taken: it is a number from {allowed[0]} to {allowed[-1]} here")


def _certificate(entry: Property, where: str, folder: Path) -> Taken | Left:
    """The certificate, where the file is there: then no path of another machine is taken for one of ours."""
    try:
        file = (folder / entry.value).resolve()
        there = bool(entry.value) and file.is_file()
    except (OSError, ValueError):
        there = False
    if there and str(file).isprintable():
        return Taken("certificate", json.dumps(str(file), ensure_ascii=False), where)
    return Left(
        where,
        _shown(entry) or "certificate",
        "not taken: there is no such file here; copy it, and name it as `certificate:`",
    )


# --- the configuration ------------------------------------------------------------------------------------------------


def configuration(found: Found, tag: int | None) -> str:
    """Our configuration, in `mode: report`. `tag` is the provisioning_id; None leaves it open.

    What nobody could tell is missing, with a comment that says what belongs there: `iwds check` names it until it is.
    """
    return _CONFIGURATION.format(
        target="\n".join(f"    {line}" for line in _target(found, tag)),
        adopt="\n".join(f"    {line}" for line in _adopt(found, tag)),
        certificate=_BESIDE if found.setting("certificate") else _CERTIFICATE,
        left="\n".join(f"#   {each}" for each in found.left) or "#   nothing",
    )


def _target(found: Found, tag: int | None) -> Iterator[str]:
    if tag is None:
        yield "# provisioning_id: 1             # not known; see docs/migrating-from-java-iwds.md for which one"
    elif tag == found.tag:
        yield f"provisioning_id: {tag}             # of the old tool; its logins are adopted by that"
    else:
        yield f"provisioning_id: {tag}"
    for each in found.taken:
        if each.setting != "provisioning_id":
            yield f"{each.setting}: {each.value}   # {each.where}"


def _adopt(found: Found, tag: int | None) -> Iterator[str]:
    if tag is not None and found.tag not in (None, tag):
        yield f"adopt: [{found.tag}]                       # the tag of the old tool's logins; nothing is sent for it"
    elif found.tag is None:
        yield "# adopt: [1]                     # the tag of the old tool's logins, where ours is another one"
    yield "# adopt with 0 in it takes over logins made in the console too, where exactly one person explains them"


_CERTIFICATE = "# certificate: mfa.p12           # the same that the old tool uses"
_BESIDE = """# its passphrase stands nowhere here: IWDS_TARGETS__MFA__CERTIFICATE_PASSWORD, or a file
    # /run/secrets/targets__mfa__certificate_password"""

_CONFIGURATION = """\
# yaml-language-server: $schema=schemas/configuration.json

# Written by `iwds init --from-java`. It plans and never writes: mode: report, below. What the vendor does not document
# was not taken, and is listed at the end; what has to stand here and could not be known is a comment that says so.
# The road from here: docs/migrating-from-java-iwds.md

state: sqlite:///iwds.db

sources:
  directory:
    kind: ldap
    # urls: ["ldaps://ldap.corp.example"]
    # bind_dn: cn=reader,dc=corp,dc=example
    # users: {{base: "ou=people,dc=corp,dc=example"}}
    # groups: {{base: "ou=groups,dc=corp,dc=example"}}
    # the password stands nowhere here: IWDS_SOURCES__DIRECTORY__PASSWORD, or a file
    # /run/secrets/sources__directory__password

targets:
  mfa:
    kind: provisioning
    url: https://api.myinwebo.com/v2/services/ConsoleAdmin
    # service_id: 10408              # the number of your service
{target}
    {certificate}

jobs:
  takeover:
    sources: [directory]
    # mapping: mappings/openldap.yaml       # copy the one that is nearest to your directory, and change it
    target: mfa
    mode: report
{adopt}

# Not taken from the old tool:
{left}
"""

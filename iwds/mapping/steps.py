"""What is done to the text of a value, step by step: always in the order of `steps_of`, whatever that of the file.

Of an empty text every step makes an empty one, but for a table with a line for it, and for `default`.
"""

from collections.abc import Callable, Mapping

from iwds.core.model import fold
from iwds.core.normal import printable
from iwds.mapping.letters import transliterated, transliteration
from iwds.mapping.moments import READERS, formatted
from iwds.mapping.patterns import compiled
from iwds.mapping.person import Unfit
from iwds.mapping.written_values import Date, Phone, Regex, Split, Substring, Value

Step = Callable[[str], str | None]
LONGEST = 65_536
"""Characters of a text in which a pattern is replaced."""
_SHOWN = 60


def steps_of(value: Value, place: str) -> tuple[Step, ...]:
    """The steps of a value; `place` is where it stands, for messages about a person."""
    steps: list[Step] = []
    if value.match is not None and value.join is None:
        steps.append(_match(value.match))
    if value.trim:
        steps.append(str.strip)
    if value.transliterate is not False:
        own = value.transliterate
        steps.append(transliterated if own is True else transliteration(own))
    if value.lower or value.upper:
        steps.append(str.lower if value.lower else str.upper)
    if value.regex is not None:
        steps.append(_regex(value.regex, place))
    if value.split is not None:
        steps.append(_split(value.split))
    if value.substring is not None:
        steps.append(_substring(value.substring))
    return (*steps, *_later(value, place))


def _later(value: Value, place: str) -> tuple[Step, ...]:
    """Those that want the text as it was shaped before."""
    steps: list[Step] = []
    if value.date is not None:
        steps.append(_date(value.date, place))
    rows = value.map if value.table is None else value.table.rows
    if rows is not None:
        steps.append(_table(rows, known=value.default is not None))
    if value.phone is not None:
        steps.append(_phone(value.phone, place))
    if value.prefix or value.suffix:
        steps.append(_around(value.prefix, value.suffix))
    if value.max_length is not None:
        steps.append(_cut(value.max_length))
    if value.default is not None:
        steps.append(_default(value.default))
    return tuple(steps)


def _match(pattern: str) -> Step:
    """The first group of what matches, or all of it where there is none; empty where nothing does."""
    compiled_pattern = compiled(pattern)
    search, group = compiled_pattern.search, min(1, compiled_pattern.groups)

    def match(text: str) -> str:
        found = search(text)
        return found[group] or "" if found else ""

    return match


def _regex(regex: Regex, place: str) -> Step:
    sub, put = compiled(regex.find).sub, regex.replace

    def replaced(text: str) -> str:
        if len(text) > LONGEST:
            raise Unfit(f"{place}: in a text of more than {LONGEST:,} characters nothing is replaced")
        return str(sub(put, text)) if text else ""

    return replaced


def _split(split: Split) -> Step:
    """One part, counted from 1, or from the end with -1; empty where there are not so many."""
    by, index = split.by, split.take - 1 if split.take > 0 else split.take

    def part(text: str) -> str:
        parts = text.split(by)
        return parts[index] if -len(parts) <= index < len(parts) else ""

    return part


def _substring(part: Substring) -> Step:
    length = part.length

    def substring(text: str) -> str:
        start = part.from_ - 1 if part.from_ > 0 else max(0, len(text) + part.from_)
        return text[start:] if length is None else text[start : start + length]

    return substring


def _date(date: Date, place: str) -> Step:
    """Empty where it means never."""
    read, form = READERS[date.from_], date.to

    def convert(text: str) -> str:
        if not text.strip():
            return ""
        try:
            moment = read(text.strip())
        except ValueError as error:
            raise Unfit(f"{place}: {printable(str(error))}") from None
        return "" if moment is None else formatted(moment, form)

    return convert


def _table(table: Mapping[str, str], known: bool) -> Step:
    """What the table has for a text, compared without case; `known`: whether a word that it lacks counts as empty."""
    folded = {fold(key): text for key, text in table.items()}

    def look_up(text: str) -> str | None:
        key = fold(text)
        return folded.get(key, None if key and not known else "")

    return look_up


def _phone(phone: Phone, place: str) -> Step:
    """E.164, such as +33612345678, of what is as long as numbers of its country are.

    Not of what lies in a range that is given out: the ranges of the library grow older than those of the world.
    """
    from iwds.mapping.phones import NoNumber, e164

    region, refuse = phone.region, phone.invalid == "refuse"

    def number(text: str) -> str:
        if not text.strip():
            return ""
        try:
            return e164(text, region)
        except NoNumber as wrong:
            if refuse:
                raise Unfit(f'{place}: "{_shown(text)}" is no telephone number: {wrong}') from None
            return ""

    return number


def _around(prefix: str, suffix: str) -> Step:
    return lambda text: f"{prefix}{text}{suffix}" if text else ""


def _cut(length: int) -> Step:
    return lambda text: text[:length]


def _default(default: str) -> Step:
    return lambda text: text if text.strip() else default


def _shown(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"

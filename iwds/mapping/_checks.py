"""What the types of a mapping cannot say about it: words that must mean something, keys that need one another."""

from collections.abc import Collection, Iterator

from iwds.core.model import Mode
from iwds.core.nearest import nearest
from iwds.core.normal import LANGUAGES
from iwds.core.recognition import By
from iwds.errors import ConfigurationError
from iwds.mapping._cel import checked
from iwds.mapping._cel_bounds import GROUPS
from iwds.mapping.document import Document, GroupLine
from iwds.mapping.written_values import Value
from iwds.yamlmarks import Step, Where, all_of


def check_language(language: Value | None, where: Where) -> None:
    """Words that the file itself gives as a language must be languages of the service."""
    if language is None:
        return
    rows = language.map if language.table is None else language.table.rows
    given = {language.value, language.default, *(rows or {}).values()} - {None, ""}
    if not given <= LANGUAGES:
        file, line = where(("language",))
        message = f"language: the service knows {' and '.join(sorted(LANGUAGES))} only"
        raise ConfigurationError(message, file=file, line=line)


def check_groups_read(document: Document, where: Where) -> None:
    """The whole list of groups makes neither a login, which would be renamed, nor a field that is emptied.

    Nobody counts who has a name in it, so that a group that is hidden would pass for one that somebody left.
    """
    emptied = {name: getattr(document, name) for name in ("firstname", "name", "mail", "phone")}
    parts: dict[tuple[Step, ...], Value | None] = {("login",): document.login}
    parts |= {(name,): value for name, value in emptied.items() if value and value.mode is Mode.ALWAYS}
    parts |= {("extra", key): value for key, value in document.extra.items() if value.mode is Mode.ALWAYS}
    for path, value in parts.items():
        if value is not None and _reads_groups(value):
            file, line = where(path)
            key = ".".join(map(str, path))
            message = f"{key}: all of `groups` makes neither a login nor a field with `mode: always`"
            advice = 'ask for each group by name, as member["NAME"], so that one that cannot be read is noticed'
            raise ConfigurationError(message, advice, file, line)


def _reads_groups(value: Value) -> bool:
    if value.expr is not None and GROUPS in checked(value.expr, "STRING").reads.others:
        return True
    return any(map(_reads_groups, value.first or ()))


def check_roles(lines: tuple[GroupLine, ...], where: Where, known: Collection[str]) -> None:
    """A role in a group has a number, and only the target's settings can say which."""
    for index, line in enumerate(lines):
        if line.role is not None and line.role not in known:
            file, number = where(("groups", index, "role"))
            message = f'groups.{index}.role: the target knows no role "{line.role}"{nearest(line.role, known)}'
            advice = (
                f"roles of your own get their numbers in the target's settings: group_roles: {{{line.role}: NUMBER}}"
            )
            raise ConfigurationError(message, advice, file, number)


def check_recognisable(document: Document, where: Where) -> None:
    """What people are recognised by must be there to be compared; every mistake is told, each with its line."""
    problems = [
        (*where(path), f"{'.'.join(map(str, path))}: {message}") for path, message in _not_recognisable(document)
    ]
    if problems:
        raise all_of(problems)


def _not_recognisable(document: Document) -> Iterator[tuple[tuple[Step, ...], str]]:
    compared = [rule.by for rule in document.matching or ()]
    for index, by in enumerate(compared):
        path = ("matching", index)
        if by in compared[:index]:
            yield path, f'"matching" names {by.value} twice'
        if by is By.ANCHOR and document.store_anchor is None:
            yield path, '"matching" by anchor needs "store_anchor", the extra field in which anchors are stored'
        if by is By.MAIL and document.mail is None:
            yield path, '"matching" by mail needs "mail"'
    if document.store_anchor is not None and document.store_anchor in document.extra:
        key = document.store_anchor
        yield ("extra", key), f'"store_anchor" and "extra" both write {key}'

"""What the types of a mapping cannot say about it: words that must mean something to the service."""

from collections.abc import Collection

from iwds.core.model import Mode
from iwds.core.nearest import nearest
from iwds.core.normal import LANGUAGES
from iwds.errors import ConfigurationError
from iwds.mapping._cel import checked
from iwds.mapping._cel_bounds import GROUPS
from iwds.mapping.document import Document, GroupLine
from iwds.mapping.written_values import Value
from iwds.yamlmarks import Step, Where


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

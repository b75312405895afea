"""What the types of a mapping cannot say about it: words that must mean something to the service."""

from collections.abc import Collection

from iwds.core.nearest import nearest
from iwds.core.normal import LANGUAGES
from iwds.errors import ConfigurationError
from iwds.mapping.document import GroupLine
from iwds.mapping.written_values import Value
from iwds.yamlmarks import Where


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

"""The lines about groups of the service: who is in which of them, and with which role."""

from collections.abc import Callable, Mapping

from iwds.errors import ConfigurationError
from iwds.mapping.asked import Asked
from iwds.mapping.conditions import compile_condition, some
from iwds.mapping.document import GroupLine
from iwds.mapping.person import Person, Test
from iwds.yamlmarks import Where

PLAIN_ROLE = "user"
"""The role in a group of members for whom no line with a role holds, where any line of the group has one."""


def exclusive_groups(lines: tuple[GroupLine, ...], where: Where) -> Mapping[str, bool]:
    """Whether membership is exclusive, by group; raises `ConfigurationError` where two lines disagree."""
    groups: dict[str, bool] = {}
    for index, line in enumerate(lines):
        if groups.setdefault(line.to, line.exclusive) != line.exclusive:
            file, number = where(("groups", index))
            message = f'groups.{index}: another line says otherwise about "exclusive" of group "{line.to}"'
            raise ConfigurationError(message, "say the same on every line of one group", file, number)
    return groups


def compile_memberships(lines: tuple[GroupLine, ...], asked: Asked) -> Callable[[Person], frozenset[str] | None]:
    """The groups that somebody is to be in; not known as soon as one line is not."""
    if not lines:
        return lambda _: None
    tests: dict[str, tuple[Test, ...]] = {}
    for line in lines:
        tests[line.to] = (*tests.get(line.to, ()), compile_condition(line.condition, asked))
    compiled = tuple((to, some(each)) for to, each in tests.items())

    def memberships(person: Person) -> frozenset[str] | None:
        groups = []
        for to, test in compiled:
            answer = test(person)
            if answer is None:
                return None
            if answer:
                groups.append(to)
        return frozenset(groups)

    return memberships


GroupRoleRules = Mapping[str, tuple[tuple[Test, str], ...]]
"""The lines with a role of each group that has any, in the order of the file."""
MemberRoles = Callable[[Person, frozenset[str] | None], tuple[tuple[str, str], ...]]
"""The role of somebody in each of the groups that they are to be in, by group name."""


def role_rules_of(lines: tuple[GroupLine, ...], asked: Asked) -> GroupRoleRules:
    """What decides over roles, by group."""
    rules: dict[str, tuple[tuple[Test, str], ...]] = {}
    for line in lines:
        if line.role is not None:
            rules[line.to] = (*rules.get(line.to, ()), (compile_condition(line.condition, asked), line.role))
    return rules


def compile_group_roles(rules: GroupRoleRules) -> MemberRoles:
    """The role of a member of these groups, by group name; without a role where that is not known."""
    if not rules:
        return lambda _, __: ()
    ordered = sorted(rules.items())

    def roles(person: Person, groups: frozenset[str] | None) -> tuple[tuple[str, str], ...]:
        found = ((to, _role_by(each, person)) for to, each in ordered if groups and to in groups)
        return tuple((to, role) for to, role in found if role is not None)

    return roles


def _role_by(rules: tuple[tuple[Test, str], ...], person: Person) -> str | None:
    for test, role in rules:
        answer = test(person)
        if answer is not False:
            # not known here means not known at all: this line might have been the one
            return role if answer else None
    return PLAIN_ROLE

"""Roles in groups: a service knows them by number only, and its API cannot list the custom ones."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from iwds.core.model import BUILTIN_ROLES


def _custom(roles: Mapping[str, int]) -> Mapping[str, int]:
    for name, number in roles.items():
        if name.casefold() in BUILTIN_ROLES:
            raise ValueError(
                f"{name} is a role that every service knows, with the number {BUILTIN_ROLES[name.casefold()]}"
            )
        if number <= max(BUILTIN_ROLES.values()):
            raise ValueError(f"{number} is no custom role: 0, 1 and 2 are {', '.join(BUILTIN_ROLES)}")
    if len(set(roles.values())) < len(roles):
        raise ValueError("two names stand for one number")
    return roles


CustomRoles = Annotated[
    Mapping[Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)], int], AfterValidator(_custom)
]
"""The setting `group_roles`: name -> number of each custom role in groups, as the vendor's console shows them."""


def known_roles(custom: Mapping[str, int]) -> Mapping[str, int]:
    """All roles in groups by name: those that every service knows, and the custom ones."""
    return {**BUILTIN_ROLES, **custom}

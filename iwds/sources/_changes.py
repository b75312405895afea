"""By which feed a directory server tells what changed."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from iwds.ports import Feed
from iwds.sources._ldapread import AD_ID, Wishes
from iwds.sources._ldapsettings import Settings

if TYPE_CHECKING:  # at run time it brings ldap3
    from iwds.sources._connection import Session

    Dial = Callable[[], Session]


def feed_of(settings: Settings, wishes: Wishes, attributes: Collection[str], dial: "Dial") -> Feed | None:
    """The feed that the settings name, or that suits the directory; None where nothing tells what changed there.

    An Active Directory is known by its id, as everywhere.

    Args:
        attributes: what the mapping reads of people, lower-case.
        dial: opens a connection; each question has one of its own.
    """
    if settings.changes == "none" or settings.follow:  # one server does not count the changes of all
        return None
    return _of_active_directory(settings, wishes, attributes, dial) if wishes.id == AD_ID else None


def _of_active_directory(
    settings: Settings,  # noqa: ARG001
    wishes: Wishes,  # noqa: ARG001
    attributes: Collection[str],  # noqa: ARG001
    dial: "Dial",  # noqa: ARG001
) -> Feed | None:
    return None

"""By which feed a directory server tells what changed."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from iwds.ports import Feed
from iwds.sources._changes_ad import ActiveDirectoryFeed
from iwds.sources._changes_openldap import openldap_feed
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
    if wishes.id == AD_ID:
        return ActiveDirectoryFeed(settings, wishes, attributes, dial)
    return openldap_feed(settings.changes, wishes, settings.realm, attributes, dial)

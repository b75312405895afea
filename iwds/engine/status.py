"""The status of one login: written into the login as it is now, and read back until it stands."""

from dataclasses import replace

from iwds.core.change import WRITTEN_FIELDS
from iwds.core.model import Login, Status
from iwds.core.words import field_words
from iwds.errors import AccessRefused, CallFailed, IwdsError, LoginUnknown, OutcomeUnknown, Refused, Unavailable
from iwds.ports import TargetReader, TargetWriter

WRITES = 2
"""How often a status is written until it reads back so: another write may have crossed the first."""


def set_status(reader: TargetReader, writer: TargetWriter, login: Login, status: Status) -> None:
    """Write the status into the login as it is now, and read it back.

    Raises `OutcomeUnknown` where it was sent and does not read so; anything else means that nothing was sent.
    """
    failed: IwdsError | None = None
    for written in range(WRITES + 1):
        now = _read(reader, login, written > 0)
        if now.status == status:
            return
        if written < WRITES:
            try:
                writer.update(replace(now, status=int(status)))
            except (CallFailed, AccessRefused) as error:
                if written == 0 and not isinstance(error, OutcomeUnknown):
                    raise
                failed = error  # the next reading settles it
    wanted = "locked" if status is Status.LOCKED else "active"
    words = failed.message if failed else "somebody else may be writing to it"
    raise OutcomeUnknown(f"{login.login} does not read as {wanted}: {words}", _again(login, status))


def refuse_unread(login: Login) -> None:
    """An update overwrites every field, so every field must be known."""
    if unread := [field_words(name) for name in WRITTEN_FIELDS if getattr(login, name) is None]:
        raise Refused(f"{login.login}: {', '.join(unread)} not read, and an update overwrites every field")


def _read(reader: TargetReader, login: Login, sent: bool) -> Login:
    """The login as it is now, every field of it."""
    try:
        now = reader.login(login.id, login.login)
        if now is None:
            raise LoginUnknown(f"login {login.id} ({login.login}) no longer exists")
        refuse_unread(now)
    except (Unavailable, AccessRefused, Refused) as error:
        if not sent:
            raise
        raise OutcomeUnknown(
            f"{login.login} was written to and could not be read back: {error.message}",
            f"see how it is now: iwds login show {login.login}",
        ) from error
    return now


def _again(login: Login, status: Status) -> str:
    if status is Status.LOCKED:
        return f"no run makes it active in the meantime; lock it again, or see: iwds login show {login.login}"
    return f"try again, or see: iwds login show {login.login}"

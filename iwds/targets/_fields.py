"""What an update overwrites, in the words of the provisioning API."""

from iwds.core.model import Login


def overwritten(login: Login) -> dict[str, int | str]:
    """The parameters of an update. Raises ValueError where one was not read: an update would lose it."""
    fields = _overwritten(login)
    known = {name: value for name, value in fields.items() if value is not None}
    if len(known) < len(fields):
        missing = ", ".join(sorted(fields.keys() - known.keys()))
        raise ValueError(f"login {login.id} was not read whole, and an update overwrites all of it: {missing}")
    return known


def is_whole(login: Login) -> bool:
    """Whether everything was read that an update overwrites, and the tag, without which nothing is updated."""
    return login.created_by is not None and None not in _overwritten(login).values()


def _overwritten(login: Login) -> dict[str, int | str | None]:
    return {
        "login": login.login,
        "firstname": login.firstname,
        "name": login.name,
        "mail": login.mail,
        "phone": login.phone,
        "status": login.status,
        "role": login.role,
        "extrafields": login.extra,
    }

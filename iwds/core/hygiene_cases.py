"""What the cases of a plan tell a doctor: of whom a plan would leave something alone, and of which logins."""

from collections.abc import Iterator

from iwds.core.decision import Nobody
from iwds.core.hygiene import Code, Whom, called_like_one
from iwds.core.join import is_second
from iwds.core.matching import Case, Match, is_protected
from iwds.core.model import Absent, Account, Login, Status, fold
from iwds.core.policy import World

Told = tuple[Code, Whom]


def told_by(case: Case, world: World) -> Iterator[Told]:
    """What one case tells."""
    if case.match is Match.UNMATCHED:
        yield from _unexplained(case, world)
    elif case.match is Match.DOUBTED:
        yield from _made_anew(case, world)
    elif case.absent is not None:
        yield from _without_account(case)
    elif case.account is not None:
        yield from _with_account(case, case.account, world)


def _unexplained(case: Case, world: World) -> Iterator[Told]:
    """A login that no person explains; of one that may be somebody's the person is told."""
    login = case.login
    if login is None or case.why:
        return
    origins = {0: Code.CONSOLE, None: Code.UNKNOWN_ORIGIN, world.policy.provisioning_id: Code.ORPHAN}
    code = origins.get(login.created_by, Code.OTHER_TAG)
    told = [f"tag {login.created_by}"] if code is Code.OTHER_TAG else []
    told += ["locked"] if login.status == Status.LOCKED else []
    told += ["looks like a service account"] if called_like_one(login.login) else []
    yield code, Whom(login.login, login_id=login.id, detail=", ".join(told))


def _made_anew(case: Case, world: World) -> Iterator[Told]:
    """The login that we remember of somebody is another one now: nothing else of it is theirs."""
    row, login, absent = case.row, case.login, case.absent
    if row is not None and login is not None and (case.account or absent) and not is_protected(case, world):
        told = f"it was {row.login}, and is {login.login} now"
        yield Code.ANOTHER_LOGIN, Whom(login.login, row.anchor, login.id, detail=told)
    if absent is not None and absent.reason is Absent.DUPLICATE and not is_second(absent):
        yield Code.SAME_LOGIN, Whom(absent.login or absent.name, absent.anchor, detail=absent.detail)


def _without_account(case: Case) -> Iterator[Told]:
    """Somebody who was read and is to have no account, or not this one."""
    absent, login = case.absent, case.login
    assert absent is not None  # noqa: S101 - the caller looked
    whom = Whom(absent.login or absent.name, absent.anchor, login.id if login else None, detail=absent.detail)
    if absent.reason is Absent.DUPLICATE and not is_second(absent):
        yield Code.SAME_LOGIN, whom
    elif is_second(absent) and login is not None:
        yield Code.SECOND_LOGIN, whom
    if absent.disabled and login is not None and login.status == Status.ACTIVE:
        yield Code.STILL_ACTIVE, _on_service(login, case, absent.detail)


def _with_account(case: Case, account: Account, world: World) -> Iterator[Told]:
    login = case.login
    if is_protected(case, world):
        return
    if case.match is Match.AMBIGUOUS:
        names = ", ".join(f"{each.login} (#{each.id})" for each in case.candidates)
        yield Code.WHOSE_LOGIN, Whom(account.login, account.anchor, detail=": ".join(filter(None, (case.why, names))))
    elif case.match is Match.TAKEN and login is not None:
        yield Code.LOGIN_TAKEN, Whom(account.login, account.anchor, detail=f"{login.login} (#{login.id}) has it")
    elif login is not None:
        yield from _of_login(case, account, login, world)


def _of_login(case: Case, account: Account, login: Login, world: World) -> Iterator[Told]:
    if case.match is Match.OURS and case.holder is not None and fold(account.login) != fold(login.login):
        told = f"#{case.holder} has {account.login}; they are called {login.login} until it is free"
        yield Code.LOGIN_TAKEN, Whom(account.login, account.anchor, login.id, detail=told)
    if case.match is Match.NAMED and not world.policy.may_adopt(login):
        tag = "of unknown origin" if login.created_by is None else f"tag {login.created_by}"
        yield Code.NOT_ADOPTED, _on_service(login, case, tag)
    if account.enabled is False and login.status == Status.ACTIVE:
        yield Code.STILL_ACTIVE, _on_service(login, case, "")


def _on_service(login: Login, case: Case, detail: str) -> Whom:
    anchor = (case.account or case.absent or Nobody).anchor
    return Whom(login.login, anchor, login.id, detail=detail)

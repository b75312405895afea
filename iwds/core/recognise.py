"""Which login without a ledger row is that of a person without one: the first rule that names exactly one of each.

As soon as a rule names several on either side, or something else says otherwise, it is a case for a person: nothing is
matched by this rule or a later one, and nothing is created, for that might be a second login of somebody who has one.

What speaks against a match, whichever rule found it: a decision of a person; a stored anchor that is another one or
cannot be read; a login name that is somebody else's; and, under a later rule, whatever an earlier one says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from iwds.core.model import Account, Anchor, LedgerRow, Login, Unmapped, fold
from iwds.core.policy import World
from iwds.core.recognition import By, MatchDecision, login_agrees, mail_key, stored_form, stored_in

MOST = 10
"""How many candidates are looked at and shown; two are too many already."""

LOCATED = "it may be the login of somebody who was read, and nobody said whose: iwds match"
"""What is said of a login that is a candidate in a case for a person."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody who was read, with whatever verdict; `name` for people."""

    anchor: Anchor
    name: str


class Around(Protocol):
    """The people and logins around one person; a join answers from what it holds. Lists end after `MOST`."""

    def login(self, login_id: int) -> Login | None:
        """A login by id."""
        ...

    def has_row(self, login_id: int) -> bool:
        """Whether any ledger row names this login."""
        ...

    def logins_named(self, name: str) -> Sequence[Login]:
        """All logins of a folded name, by id."""
        ...

    def logins_with_mail(self, key: str) -> Sequence[Login]:
        """All logins of a mail address, as `mail_key` gives it under the job's rule, by id."""
        ...

    def logins_storing(self, stored: str) -> Sequence[Login]:
        """All logins that store an anchor, by id."""
        ...

    def people_named(self, name: str) -> Sequence[Peer]:
        """Everybody read who wants a folded login name, whether they are to have an account or not, by anchor."""
        ...

    def people_with_mail(self, key: str) -> Sequence[Peer]:
        """Everybody read with a mail address, by anchor."""
        ...

    def mails_unknown(self) -> bool:
        """Whether anybody was read whose mail address is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was found for one person. Nothing at all: a newcomer.

    Attributes:
        login: theirs.
        rule: by what it was found, for people; empty where their names are the same.
        holder: a login of their name that stands for somebody else, or may.
        why: why it is a case for a person; empty where it is none.
        candidates: the logins that it is about.
    """

    login: Login | None = None
    rule: str = ""
    holder: Login | None = None
    why: str = ""
    candidates: tuple[Login, ...] = ()


def told_login(anchor: Anchor, around: Around, world: World) -> Login | None:
    """The login without a row that a person, or the anchor stored in it, says is theirs; before names are settled."""
    if said := world.decisions.whose.get(anchor):
        login = around.login(said.login_id)
        return login if login and not around.has_row(login.id) else None
    stored = around.logins_storing(stored_form(anchor)) if world.matching.by(By.ANCHOR) else ()
    free = [each for each in stored if not around.has_row(each.id) and not world.decisions.rules_out(anchor, each.id)]
    return free[0] if len(free) == len(stored) == 1 else None


def recognise(account: Account, around: Around, world: World) -> Recognition:
    """The login of somebody without a ledger row, or whose row names a login that is gone."""
    said = world.decisions.whose.get(account.anchor)
    if said and (login := around.login(said.login_id)) and not around.has_row(login.id):
        return Recognition(login, str(said))
    for place in range(len(world.matching.rules)):
        if found := _Question(account, around, world, place).answer():
            return found
    return _without_match(account, around, world)


_WORDS = {
    By.ANCHOR: "it stores this person's anchor",
    By.LOGIN: "",
    By.MAIL: "nobody else has its mail address",
}


class _Question:
    """One person under one rule."""

    def __init__(self, account: Account, around: Around, world: World, place: int) -> None:
        self.account, self.around, self.world = account, around, world
        self.rule, self.earlier = world.matching.rules[place], world.matching.rules[:place]

    def answer(self) -> Recognition | None:
        """Match or case for a person; None where this rule names no login that nobody's row names."""
        out = self.world.decisions.rules_out
        logins = tuple(login for login in self._logins() if not out(self.account.anchor, login.id))
        free = tuple(login for login in logins if not self.around.has_row(login.id))
        if not free and (self.rule.by is not By.ANCHOR or not logins):
            return None
        why = self._several(logins, free) or next(filter(None, map(self._against, free)), "")
        return Recognition(why=why, candidates=logins) if why else Recognition(free[0], _WORDS[self.rule.by])

    def _logins(self) -> Sequence[Login]:
        account, rule = self.account, self.rule
        if rule.by is By.ANCHOR:
            return self.around.logins_storing(stored_form(account.anchor))
        if rule.by is By.LOGIN:
            named = self.around.logins_named(fold(account.login))
            return [login for login in named if login_agrees(account.login, login.login, rule.exact)]
        key = mail_key(account.mail, rule.exact)
        return self.around.logins_with_mail(key) if key else ()

    def _several(self, logins: Sequence[Login], free: Sequence[Login]) -> str:
        """Why it is not exactly one login, or not exactly one person."""
        if not free:
            return "a login stores their anchor, and we know it as somebody else's"
        if len(logins) > 1:
            return f"{_how_many(len(logins))} logins have their {_NOUNS[self.rule.by]}"
        if self.rule.by is By.LOGIN and (others := self._others(self.around.people_named(fold(self.account.login)))):
            return f"{others} would have that login too"
        if self.rule.by is By.MAIL:
            return self._mail_of_others(mail_key(self.account.mail, self.rule.exact))
        return ""

    def _mail_of_others(self, key: str) -> str:
        if others := self._others(self.around.people_with_mail(key)):
            return f"{others} has that mail address too"
        return "the mail address of somebody is not known, and may be the same" if self.around.mails_unknown() else ""

    def _against(self, login: Login) -> str:
        """What says that a login is not theirs."""
        return self._stored_otherwise(login) or self._named_otherwise(login) or self._earlier_otherwise(login)

    def _stored_otherwise(self, login: Login) -> str:
        key = self.world.matching.key
        held = stored_in(login.extra, key) if key else ""
        if held is None:
            return "what the login stores cannot be read"
        return "" if held in ("", stored_form(self.account.anchor)) else "the login stores the anchor of somebody else"

    def _named_otherwise(self, login: Login) -> str:
        if self.rule.by is By.LOGIN:
            return ""
        others = self._others(self.around.people_named(fold(login.login)))
        return f"the login has the name of {others}" if others else ""

    def _earlier_otherwise(self, login: Login) -> str:
        rule = self.world.matching.by(By.MAIL)
        if rule not in self.earlier or rule is None or not (key := mail_key(login.mail, rule.exact)):
            return ""
        others = self._others(self.around.people_with_mail(key))
        return f"the login has the mail address of {others}" if others else ""

    def _others(self, peers: Sequence[Peer]) -> str:
        """Who else, for people."""
        names = [peer.name for peer in peers if peer.anchor != self.account.anchor]
        return names[0] if len(names) == 1 else f"{names[0]} and others" if names else ""


_NOUNS = {By.ANCHOR: "anchor", By.LOGIN: "name", By.MAIL: "mail address"}


def _how_many(number: int) -> str:
    return f"{number}" if number < MOST else f"{number} or more"


def _without_match(account: Account, around: Around, world: World) -> Recognition:
    """Somebody whom no rule recognises: may they be created?"""
    named = around.logins_named(fold(account.login))
    free = tuple(login for login in named if not around.has_row(login.id))
    if open_ := tuple(login for login in free if not world.decisions.rules_out(account.anchor, login.id)):
        rule = world.matching.by(By.LOGIN)
        how = "but for upper and lower case" if rule else "and `matching` does not compare names"
        return Recognition(why=f"a login has their name, {how}", candidates=open_)
    if world.matching.by(By.MAIL) and account.mail is None:
        return Recognition(why="their mail address is not known, and a login may have it")
    return Recognition(holder=named[0] if named else None)


def contradicts(account: Account, login: Login, world: World) -> bool:
    """Whether a login of ours stores another anchor than that of its person, which nobody decided."""
    key = world.matching.key
    if not key or stored_in(login.extra, key) in (None, "", stored_form(account.anchor)):
        return False
    said = world.decisions.of.get(login.id)
    return said is None or said.anchor != account.anchor


@dataclass(frozen=True, slots=True)
class Told:
    """What a join knows about one decision: the person, the login, and the rows of both."""

    person: Account | Unmapped | None
    login: Login | None
    row: LedgerRow | None
    other: LedgerRow | None


def unfit(said: MatchDecision, told: Told, world: World) -> str:
    """Why a decision is not followed, as a sentence; empty where it is, or was already.

    Args:
        said: the decision.
        told: `row` is that of the login, `other` that of the person, where it is another login's that exists.
        world: with all decisions.
    """
    problem = _problem(said, told, world)
    head = f"what {said.who} said of the login {said.login} on {said.at:%Y-%m-%d} is not followed: {problem}"
    return f"{head}; forget it: iwds match JOB '#{said.login_id}' --undo" if problem else ""


def _problem(said: MatchDecision, told: Told, world: World) -> str:
    if told.login is None:
        return "it no longer exists"
    if said.anchor is None:
        return ""
    if told.row is not None:
        return "" if told.row.anchor == said.anchor else "it has been somebody else's since"
    if said.anchor not in world.decisions.whose:
        return "two logins are said to be that person's"
    if told.person is None:
        return "the person is not in the directory"
    if isinstance(told.person, Unmapped):
        return f"the person has no account: {told.person.detail}"
    return f"the person has the login {told.other.login}" if told.other else ""

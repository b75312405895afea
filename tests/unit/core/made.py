"""Values that the tests of the core and the engine are made of: one person, ann, unless told otherwise."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from iwds.core.assembly import Facts, assemble
from iwds.core.change import Change, CreateLogin, Evidence, Subject, Write
from iwds.core.decide import decide
from iwds.core.decision import Decision, Proposal, Skip
from iwds.core.guards import GuardKind, Limit, Populations
from iwds.core.join import join
from iwds.core.matching import Case, Tally
from iwds.core.model import Account, Anchor, Group, LedgerRow, Login, Mode, Origin, Proof, Unmapped
from iwds.core.plan import Basis, Plan, Selection
from iwds.core.policy import Policy, World
from iwds.core.rulings import Rulings

OURS = 20
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPN, WIKI = Group(1, "vpn"), Group(2, "wiki")
GROUPS = {"vpn": VPN, "wiki": WIKI}
WIDE = {kind: Limit(1_000, 1.0, None) for kind in GuardKind}
"""Limits that nothing here reaches."""
CLEARING = tuple((field, Mode.ALWAYS) for field in ("firstname", "name", "mail", "phone", "extra k"))
"""The modes under which a field is emptied that the source empties."""


def anchor(name: str = "ann", realm: str = "here") -> Anchor:
    return Anchor(realm, name)


def account(who: str = "ann", /, **fields: Any) -> Account:
    """Somebody of whom nothing but the login is governed; what is given is emptied where it is empty."""
    return Account(**{"anchor": anchor(who), "login": who, "modes": CLEARING, **fields})


def login(number: int = 1, who: str = "ann", /, **fields: Any) -> Login:
    """An active login of ours with every field read."""
    texts = dict.fromkeys(("firstname", "name", "mail", "phone", "extra"), "")
    return Login(**{"id": number, "login": who, **texts, "role": 0, "status": 0, "created_by": OURS, **fields})


def row(number: int = 1, who: str = "ann", /, **fields: Any) -> LedgerRow:
    """The ledger row of a login that we created."""
    made = {"login_id": number, "anchor": anchor(who), "owner": OURS, "origin": Origin.CREATED, "login": who}
    return LedgerRow(**{**made, "tag": OURS, **fields})


def world(policy: Policy | None = None, **fields: Any) -> World:
    """A job that governs two groups in one realm."""
    return World(**{"policy": policy or Policy(OURS), "realms": frozenset({"here"}), "groups": GROUPS, **fields})


def cases(
    people: Iterable[Account | Unmapped] = (),
    rows: Iterable[LedgerRow] = (),
    logins: Iterable[Login] = (),
    members: dict[int, frozenset[int]] | None = None,
    rules: World | None = None,
) -> list[Case]:
    found, _ = join(people, rows, logins, members or {}, rules or world())
    return found


def decided(
    people: Iterable[Account | Unmapped] = (),
    rows: Iterable[LedgerRow] = (),
    logins: Iterable[Login] = (),
    members: dict[int, frozenset[int]] | None = None,
    rules: World | None = None,
) -> list[Decision]:
    """Everything that these readings lead to."""
    rules = rules or world()
    return [d for case in cases(people, rows, logins, members, rules) for d in decide(case, rules)]


def changes(decisions: Iterable[Decision]) -> list[Change]:
    return [d.change for d in decisions if isinstance(d, Proposal)]


def reasons(decisions: Iterable[Decision]) -> list[str]:
    return sorted(d.reason.value for d in decisions if not isinstance(d, Proposal))


def subject(name: str = "ann", number: int | None = 1) -> Subject:
    return Subject(name, anchor(name), number)


def write(before: Login | None = None, /, **after: Any) -> Write:
    """A write of ann's login, or of another one, that rests on what was seen."""
    before = before or login()
    return Write(
        subject(before.login, before.id), before, replace(before, **after), "the directory says so", Evidence.SEEN
    )


def create(who: str = "eve", /, **fields: Any) -> CreateLogin:
    made = account(who, **{"enabled": True, "modes": (), **fields})
    return CreateLogin(subject(made.login, None), made, "in the directory, no login yet")


def proof(name: str = "staff", /, problems: tuple[str, ...] = (), **fields: Any) -> Proof:
    made = {"realm": "here", "asked": "all", "count": 3, "reasons": ("a trailer",), "taken_at": NOON}
    return Proof(**{"name": name, "problems": problems, **made, **fields})


def basis(**fields: Any) -> Basis:
    """A later run of a known configuration, with one proven source and five administrators."""
    made: dict[str, Any] = {
        "sources": (proof(),),
        "service": proof("service", realm=""),
        "tally": Tally(administrators=5),
        "config_digest": "c0ffee",
        "config_changed": False,
        "first_run": False,
    }
    return Basis(**{**made, **fields})


def facts(given: Basis | None = None, **fields: Any) -> Facts:
    made = {
        "basis": given or basis(),
        "populations": Populations(100, {1: 10, 2: 10}, {}, {}),
        "limits": WIDE,
        "rulings": Rulings(),
    }
    return Facts(**{**made, **fields})


def assembled(
    decisions: Iterable[Decision | Change], given: Facts | None = None, selection: Selection | None = None
) -> Plan:
    """The plan of decisions, or of changes that wait for nobody."""
    wrapped = [d if isinstance(d, Proposal | Skip) else Proposal(d) for d in decisions]
    return assemble(("p1", "staff", "mfa#1", NOON), wrapped, given or facts(), selection or Selection())

"""What is right, judged by the directories as they truly are and by nothing that the program says of itself.

A login is whose it was created for, or whose it was adopted for by its name; that never changes. Where nobody can tell
(our memory is a backup), the judge is lenient, and says so beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from iwds.core.guards import OUT_OF_SCOPE, RETAGGED
from iwds.core.matching import believed
from iwds.core.model import Absent, Account, Anchor, Login, Status, Unmapped, fold
from iwds.core.normal import normalise
from iwds.core.plan import Selection
from iwds.core.policy import HoldKind, Leaver
from iwds.core.recognition import stored_form, stored_in
from iwds.core.restored import NOTE
from iwds.engine.running import RunReport
from tests.property.company import GROUPS, KEY, REALM, Company, Config, Copy
from tests.unit.engine.rehearsal import OURS

DELETES = frozenset({Leaver.DELETE, Leaver.LOCK_THEN_DELETE})


@dataclass(frozen=True)
class Seen:
    """The service at one moment; and who could not lose anything then, because a person held it."""

    logins: Mapping[int, Login]
    members: Mapping[tuple[int, int], int]
    exempt: frozenset[int]
    locked_by_hold: frozenset[int]
    retagged: int


@dataclass
class Judge:
    """What is known of one company beside what it says itself.

    Attributes:
        whose: the person of each login, by its id.
        accepted: configurations of which one was applied last, and that a removal may rest on.
        policies: policies for leavers of which one was accepted last.
        kept_locked: logins that another hand locked, and that no run unlocks.
        may_stay_locked: logins whose lock may be another hand's.
        doubtful: logins of which our memory is a backup that nobody told us of: their locks and graces may be of
            earlier.
        locked_since, gone_since: for how long without a break, by login and by person.
        lost_everything: our memory is new, and no run on it was applied.
    """

    company: Company
    whose: dict[int, str] = field(default_factory=dict)
    accepted: set[Config] = field(default_factory=set)
    policies: set[Leaver] = field(default_factory=set)
    kept_locked: set[int] = field(default_factory=set)
    may_stay_locked: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    locked_since: dict[int, float] = field(default_factory=dict)
    gone_since: dict[str, float] = field(default_factory=dict)
    lost_everything: bool = False

    def __post_init__(self) -> None:
        self.whose = self.company.remembered()
        self.accepted, self.policies = {self.company.config}, {self.company.config.leaver}

    # --- the truth ----------------------------------------------------------------------------------------------------

    def wanted(self, who: str, config: Config) -> Account | Unmapped | None:
        """What a configuration makes of somebody as they truly are; None where it reads nobody."""
        where, entry = self.company.people.get(who, ("", None))
        if entry is None or not config.selects(where, entry):
            return None
        rules = config.rules()
        whole = replace(entry, attrs={**dict.fromkeys(rules.attributes, ()), **entry.attrs})
        made = rules.map(whole, self.company.clock.now())
        return normalise(made, entry.name) if isinstance(made, Account) else made

    def gone(self, who: str, config: Config) -> bool:
        """Whether no directory that is read has them, outside its base neither."""
        return not any(
            entry.anchor == Anchor(REALM, who)
            for source in self.company.directories[config.base]
            for entry in (*source.entries, *source.elsewhere)
        )

    def locks(self, who: str, config: Config, policies: Iterable[Leaver]) -> bool:
        """Whether somebody is to have no access under a configuration and one of these policies."""
        wanted = self.wanted(who, config)
        if isinstance(wanted, Account):
            return wanted.enabled is False
        left = wanted is None or wanted.reason is Absent.OUT_OF_SCOPE
        return left and any(policy is not Leaver.KEEP for policy in policies)

    def names(self) -> dict[str, list[str]]:
        """Everybody in any directory that is read, by the login that they want."""
        found: dict[str, list[str]] = {}
        for who, (where, entry) in self.company.people.items():
            if self.company.config.selects(where, entry):
                found.setdefault(fold((entry.attrs.get("uid") or ("",))[0]), []).append(who)
        return found

    def see(self) -> Seen:
        company, now = self.company, self.company.clock.now()
        stands = [row for row in company.state.open_holds(company.job.target.service) if row.hold.stands(now)]
        exempt, locks = (
            frozenset(r.login_id for r in stands if r.hold.kind is kind) for kind in (HoldKind.EXEMPT, HoldKind.LOCK)
        )
        rows = [(row, company.logins.get(row.login_id)) for row in company.state.ledger(company.job.target.service)]
        tags = [(row.tag, login.created_by) for row, login in rows if login and believed(row, login)]
        retagged = sum(tag is not None and tag != now_has for tag, now_has in tags)
        return Seen(dict(company.logins), dict(company.target.state.members), exempt, locks, retagged)

    def observe(self) -> None:
        """Time counts from the first sight of it."""
        company, now = self.company, self.company.clock.monotonic()
        company.publish()
        locked = {number for number, login in company.logins.items() if login.status == Status.LOCKED}
        gone = {who for who in self.whose.values() if self.gone(who, company.config)}
        self.locked_since = {number: self.locked_since.get(number, now) for number in locked}
        self.gone_since = {who: self.gone_since.get(who, now) for who in gone}

    # --- after a run --------------------------------------------------------------------------------------------------

    def judge(self, before: Seen, report: RunReport | None, selection: Selection) -> None:
        """Everything that is true of every run, whatever happened to it."""
        self._follow_births_and_adoptions(before)
        after = self.see()
        by_rule = sum(self._loss(number, before, after, selection) for number in before.logins)
        assert by_rule <= selection.allow.get(OUT_OF_SCOPE, 0), "more was taken by the rules than a person accepted"
        self.nobody_has_two()
        mails = self.company.target.state.mails
        assert len(mails) == len(set(mails)), "somebody was mailed twice"
        if report and NOTE in report.plan.basis.notes:  # whose every lock is, nobody knows any more
            locked = {n for n, login in self.company.logins.items() if login.status == Status.LOCKED}
            self.may_stay_locked |= locked
        self._accepted_now(report, selection)
        self.observe()

    def _follow_births_and_adoptions(self, before: Seen) -> None:
        ledger, names = self.company.remembered(), self.names()
        for number, who in self.company.born.items():
            if number not in before.logins:
                self.whose.setdefault(number, who)
        for number, who in ledger.items():
            if number in self.whose:
                assert self.whose[number] == who, "somebody inherited another's login"
                continue
            login = before.logins.get(number)
            assert login is not None, "a row names a login that nobody created"
            assert login.created_by == OURS, "a login of another origin was adopted"
            asked = (fold(login.login), who) in self.company.asked
            named = who in names.get(fold(login.login), ())
            assert asked or named or self._recognised(login, who), "adopted for somebody who does not explain it"
            stored = stored_in(login.extra, KEY)
            assert stored in ("", stored_form(Anchor(REALM, who))), "somebody got a login that says it is another's"
            self.whose[number] = who

    def _recognised(self, login: Login, who: str) -> bool:
        """Whether somebody, and nobody else, explains a login whatever its name is."""
        by = self.company.config.recognise
        if by == "anchor":
            return stored_in(login.extra, KEY) == stored_form(Anchor(REALM, who))
        everybody = ((each, entry.attrs.get("mail") or ("",)) for each, (_, entry) in self.company.people.items())
        return by == "mail" and [each for each, (mail,) in everybody if mail and mail == login.mail] == [who]

    def _loss(self, number: int, before: Seen, after: Seen, selection: Selection) -> bool:
        """Judge what became of one login; whether it lost something that only the rules, or a person, can ask for."""
        was, now = before.logins[number], after.logins.get(number)
        if number not in self.whose:
            assert now == was, "a login that is not ours was touched"
            return False
        who = self.whose[number]
        lost_access = was.status == Status.ACTIVE and (now is None or now.status == Status.LOCKED)
        left = {g for g, n in before.members if n == number} - {g for g, n in after.members if n == number}
        taken = lost_access or now is None or left or (was.mail and not now.mail) or (was.role or 0) > (now.role or 0)
        if taken:
            assert number not in before.exempt & after.exempt, "something was taken from whom a person holds"
            allowed = selection.allow.get(RETAGGED, 0)
            assert before.retagged <= allowed, "something was taken while another tool tags"
            assert not self.lost_everything, "a first run took something"
        if number in before.locked_by_hold & after.locked_by_hold:
            assert now is None or now.status == Status.LOCKED or was.status != Status.LOCKED, "a hold was undone"
        if now and (was.status, now.status) == (Status.LOCKED, Status.ACTIVE):
            assert number not in self.kept_locked, "a lock of another hand was undone"
        if now is None:
            return self._deletion(number, who, selection)
        rules = [self._rule(lost_access, who), *(self._rule_of_group(group, who) for group in left)]
        if was.mail and not now.mail:
            rules.append(self._rule_of_field("mail", "", who))
        if (was.role or 0) > (now.role or 0):
            rules.append(self._rule_of_field("role", now.role, who))
        return any(rules)

    def _deletion(self, number: int, who: str, selection: Selection) -> bool:
        config = self.company.config
        assert config.leaver in DELETES, "deleted under a policy that deletes nobody"
        assert self.gone(who, config), "somebody was deleted whom a directory still has"
        if config.leaver is Leaver.LOCK_THEN_DELETE and number not in self.doubtful:
            grace = timedelta(days=config.grace).total_seconds()
            since = max(self.locked_since.get(number, 1e12), self.gone_since.get(who, 1e12))
            assert self.company.clock.monotonic() - since >= grace, "somebody was deleted before the grace"
        by_rule = not (self.policies & DELETES) or not any(self.wanted(who, c) is None for c in self.accepted)
        assert not by_rule or selection.allow, "deleted by a policy that nobody accepted"
        return by_rule

    def _rule(self, lost: bool, who: str) -> bool:
        """Whether only a changed configuration takes somebody's access."""
        if not lost:
            return False
        config = self.company.config
        assert self.locks(who, config, {config.leaver}), f"{who} lost access without a cause"
        return not any(self.locks(who, each, self.policies) for each in self.accepted)

    def _rule_of_group(self, group: int, who: str) -> bool:
        name = next(name for name, number in GROUPS.items() if number == group)
        now = self.wanted(who, self.company.config)
        assert isinstance(now, Account), f"{who} has no account and lost {name}"
        assert name not in (now.groups or ()), f"{who} lost {name} without a cause"
        then = [self.wanted(who, config) for config in self.accepted]
        return all(isinstance(each, Account) and name in (each.groups or ()) for each in then)

    def _rule_of_field(self, name: str, value: object, who: str) -> bool:
        now = self.wanted(who, self.company.config)
        assert isinstance(now, Account), f"{who} has no account and lost {name}"
        assert getattr(now, name) == value, f"{who} lost {name} without a cause"
        then = [self.wanted(who, config) for config in self.accepted]
        return all(isinstance(each, Account) and getattr(each, name) != value for each in then)

    def _accepted_now(self, report: RunReport | None, selection: Selection) -> None:
        """A run makes its configuration the one that was applied last; one that did not end well may have."""
        config = self.company.config
        if report and report.exit_code == 0:
            self.accepted = {config}
            milder = list(Leaver).index(config.leaver) <= min(map(list(Leaver).index, self.policies), default=99)
            self.policies = {config.leaver} if milder else self.policies
            self.lost_everything = False
        elif self.lost_everything or not self._something_waits(config):
            self.accepted |= {config}
        if selection.allow.get(OUT_OF_SCOPE) or self.lost_everything:
            self.policies |= {config.leaver}
        if report is None or (report.applied and not report.applied.stopped and not report.plan.basis.unproven):
            self.lost_everything = False

    def _something_waits(self, config: Config) -> bool:
        """Whether somebody still has access that only this configuration takes."""
        active = {n for n, login in self.company.logins.items() if login.status == Status.ACTIVE}
        return any(
            self.locks(who, config, {config.leaver})
            and not any(self.locks(who, c, self.policies) for c in self.accepted)
            for number, who in self.whose.items()
            if number in active
        )

    def nobody_has_two(self) -> None:
        """Nobody has two logins that were made for them, as far as our memory could know of the first."""
        there = [who for number, who in self.whose.items() if number in self.company.logins]
        assert len(there) == len(set(there)), "somebody has two logins"
        known = [who for number, who in self.company.remembered().items() if number in self.company.logins]
        assert len(known) == len(set(known)), "our memory gives somebody two logins"

    # --- after a run without faults -----------------------------------------------------------------------------------

    def no_leaver_keeps_access(self) -> None:
        """Whoever has left by every configuration that may count is locked, unless a person held them."""
        seen, names = self.see(), self.names()
        if seen.retagged or self.lost_everything:
            return
        for row in self.company.state.ledger(self.company.job.target.service):
            login, who = seen.logins.get(row.login_id), row.anchor.id
            if login is None or row.login_id in seen.exempt or not believed(row, login):
                continue
            uid = fold(self.company.people[who][1].attrs["uid"][0]) if who in self.company.people else ""
            if len(names.get(uid, ())) > 1:
                continue  # who of them is meant is left to a person, and they keep what they have
            policies = [{self.company.config.leaver}, *({each} for each in self.policies)]
            configs = {self.company.config, *self.accepted}
            if all(self.locks(who, config, policy) for config in configs for policy in policies):
                assert login.status == Status.LOCKED, f"{who} has left and keeps access"

    def nobody_stays_locked_out(self, undecided: set[str]) -> None:
        """Whoever is enabled can log in, unless another hand locked them or they could not be decided about."""
        seen = self.see()
        for number, who in self.company.remembered().items():
            wanted = self.wanted(who, self.company.config)
            if who in undecided or not isinstance(wanted, Account) or wanted.enabled is False:
                continue
            if number in seen.logins and seen.logins[number].status == Status.LOCKED:
                assert number in self.may_stay_locked | self.kept_locked | seen.locked_by_hold, f"{who} is locked out"

    def roles_are_those_of_the_directory(self, undecided: set[str]) -> None:
        """Where every role is looked at each time, that is so for everybody who was not left alone."""
        members = self.company.target.state.members
        for row in self.company.state.ledger(self.company.job.target.service):
            wanted, held = self.wanted(row.anchor.id, self.company.config), members.get((1, row.login_id))
            if isinstance(wanted, Account) and row.anchor.id not in undecided and held is not None:
                for role in (role for group, role in wanted.group_roles if group == "vpn"):
                    assert held == self.company.job.target.group_roles[role]

    # --- other hands --------------------------------------------------------------------------------------------------

    def locked_by_hand(self, number: int) -> None:
        self.kept_locked.add(number)
        self.may_stay_locked.add(number)

    def unlocked_by_hand(self, number: int) -> None:
        self.kept_locked.discard(number)
        self.may_stay_locked.discard(number)

    def remembers(self, copy: Copy) -> "Remembered":
        """What goes with a copy of our memory."""
        return Remembered(copy, frozenset(self.accepted), frozenset(self.policies), self.lost_everything)

    def memory_is(self, then: "Remembered", told: bool) -> None:
        """Our memory was replaced: what it does not know of, nobody can expect it to know."""
        locked = {n for n, login in self.company.logins.items() if login.status == Status.LOCKED}
        self.whose = dict(then.copy.known)
        self.accepted, self.policies = set(then.accepted), set(then.policies)
        self.lost_everything = then.lost_everything
        self.may_stay_locked |= locked
        if told or self.lost_everything:
            self.kept_locked |= locked
        else:
            self.doubtful |= set(self.company.logins)
            self.kept_locked.clear()


@dataclass(frozen=True)
class Remembered:
    """A copy of our memory, and what the judge knew when it was made."""

    copy: Copy
    accepted: frozenset[Config]
    policies: frozenset[Leaver]
    lost_everything: bool

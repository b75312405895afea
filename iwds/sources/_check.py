"""What `check` and the second looks say of a source, as far as it is the same for every kind."""

from collections.abc import Collection, Iterable, Iterator

from iwds.core.model import Anchor, Proof
from iwds.errors import AccessRefused, ForeignRealm, Unavailable
from iwds.ports import Finding

_POLICY = frozenset({"pwdaccountlockedtime", "pwdendtime", "pwdstarttime"})
"""What OpenLDAP keeps of accounts where it has a password policy (slapo-ppolicy). No mapping need name them."""


def until_failure(what: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, with an error of the source as the last one: check reports, it does not break off."""
    try:
        yield from findings
    except (Unavailable, AccessRefused) as failed:
        yield Finding(False, what, failed.message, failed.advice, exit_code=failed.exit_code)


def of_proof(proof: Proof) -> Iterator[Finding]:
    """How many people a reading gave, why it is believed or not, and which attributes nobody has."""
    yield from judged(proof)
    absent, policy = without_policy([name for name, n in proof.presence.items() if proof.count and not n])
    yield from no_policy(policy, "nobody has")
    for attribute in absent:
        advice = "Right where nobody is to have it; else compare its spelling, and who may read it."
        yield Finding(True, "attributes", f"nobody has {attribute}", advice, warning=True)


def without_policy(absent: Iterable[str]) -> tuple[list[str], list[str]]:
    """Attributes that nobody has: those that a mapping names, and those of a password policy."""
    listed = list(absent)
    return [name for name in listed if name not in _POLICY], [name for name in listed if name in _POLICY]


def no_policy(attributes: Collection[str], who: str) -> Iterator[Finding]:
    """One line for all attributes of a password policy: they come and go together."""
    if attributes:
        text = f"{who} {', '.join(attributes)}, which a password policy (ppolicy) keeps"
        advice = "`enabled: openldap` in the mapping asks for them. Right where the directory has no such policy."
        yield Finding(True, "attributes", text, advice, warning=True)


def judged(proof: Proof) -> Iterator[Finding]:
    """How many people a reading gave, and why it is believed or not."""
    yield Finding(True, "people", f"{proof.count} read")
    for reason in proof.reasons:
        yield Finding(True, "proof", reason)
    for problem in proof.problems:
        yield Finding(False, "proof", problem, "Nothing is taken from anyone who is missing in such a reading.")


def differs(what: str, read: int, counted: int) -> str:
    """What a second count says that is not that of the reading."""
    return (
        f"the reading gave {read:,} {what}, and a second count {counted:,}: it missed some, or somebody changed the"
        " directory meanwhile. Run it again"
    )


def foreign(name: str, realm: str, anchor: Anchor) -> ForeignRealm:
    """The error for a question about somebody of another directory."""
    return ForeignRealm(
        f"{name} is the directory {realm}, and {anchor.id} is of {anchor.realm}.",
        "It cannot say whether they exist. See which server answered: all of `urls` must be servers of one directory.",
    )

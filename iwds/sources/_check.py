"""What `check` says of a source, as far as it is the same for every kind."""

from collections.abc import Iterable, Iterator

from iwds.core.model import Proof
from iwds.errors import AccessRefused, Unavailable
from iwds.ports import Finding


def until_failure(what: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings, with an error of the source as the last one: check reports, it does not break off."""
    try:
        yield from findings
    except (Unavailable, AccessRefused) as failed:
        yield Finding(False, what, failed.message, failed.advice, exit_code=failed.exit_code)


def of_proof(proof: Proof) -> Iterator[Finding]:
    """How many people a reading gave, why it is believed or not, and which attributes nobody has."""
    yield Finding(True, "people", f"{proof.count} read")
    for reason in proof.reasons:
        yield Finding(True, "proof", reason)
    for problem in proof.problems:
        yield Finding(False, "proof", problem, "Nothing is taken from anyone who is missing in such a reading.")
    for attribute, present in proof.presence.items():
        if proof.count and not present:
            advice = "Right where nobody is to have it; else compare its spelling, and who may read it."
            yield Finding(True, "attributes", f"nobody has {attribute}", advice, warning=True)

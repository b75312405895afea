"""What `check` sees of a tenant: who reads, what it may, what it cannot ask for, and what a reading gave."""

import re
import stat
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from iwds.core.model import Proof
from iwds.core.nearest import nearest
from iwds.errors import AccessRefused
from iwds.ports import Finding
from iwds.sources._check import of_proof
from iwds.sources._entrasettings import Settings
from iwds.sources._entrasignin import Application, roles
from iwds.sources._graph import GROUPS, HIDDEN_MEMBERS, USERS, Graph
from iwds.sources._graphproperties import KNOWN, Wanted
from iwds.sources._graphread import Counts, Wishes
from iwds.sources._stream import CANARY

_SOON = 30
"""Days before the end of our certificate from which on it is warned about."""
_PUBLIC = stat.S_IRGRP | stat.S_IROTH
_NAMED = 5
_READS = re.compile(r"[^.]+\.Read(Basic)?(\..+)?")
"""Permissions that let nobody change or send anything."""


def connection(graph: Graph, settings: Settings, who: Application) -> Iterator[Finding]:
    """Who reads, where, and until when what it shows is good. Raises where no token is given."""
    graph.sign_in.token()
    cloud = settings.cloud if isinstance(settings.cloud, str) else f"of its own, {settings.place.authority}"
    told = f"tenant {settings.tenant} as the application {settings.app_id}; cloud {cloud}; {graph.origin}"
    yield Finding(True, "connection", told)
    yield Finding(True, "encryption", "TLS, certificate verified")
    if who.certificate is None:
        advice = "Entra alone knows when it ends, and it can be copied. Best is a certificate."
        yield Finding(True, "sign-in", "by a client secret", advice, warning=True)
    else:
        end = who.certificate.not_valid_after_utc
        days = (end - datetime.now(UTC)).days
        detail = f"{who.certificate.subject.rfc4514_string()}, valid until {end:%Y-%m-%d}, {days} days"
        yield Finding(True, "certificate", detail, "" if days >= _SOON else "Renew it in time.", warning=days < _SOON)
    yield from _readable_by_others(settings)


def _readable_by_others(settings: Settings) -> Iterator[Finding]:
    files = settings.client_secret_file, settings.certificate_key or settings.certificate, settings.proxy_password_file
    for file in filter(None, files):
        if file.stat().st_mode & _PUBLIC:
            yield Finding(True, "secret", f"others may read {file}", f"chmod 600 {file}", warning=True)


def permissions(graph: Graph, wishes: Wishes) -> Iterator[Finding]:
    """Each permission, tried; the last one is only needed to tell who was deleted from who cannot be found."""
    tried = [(USERS, graph.url("/users", select="id,accountEnabled,userType", top=1))]
    if wishes.groups:
        tried.append((GROUPS, graph.url("/groups/delta", select="id,members", deltatoken="latest")))
    for permission, url in tried:
        try:
            graph.json(url, permission)
        except AccessRefused as refused:
            yield Finding(False, "permission", f"{permission} is missing: {refused.message}", refused.advice)
        else:
            yield Finding(True, "permission", f"{permission} works")
    try:
        graph.json(graph.url("/directory/deletedItems/microsoft.graph.user", select="id", top=1), USERS)
    except AccessRefused:
        advice = "Without it nobody is known to be deleted, and waits for a run of everybody."
        yield Finding(True, "permission", "the recycle bin is not shown", advice, warning=True)
    else:
        yield Finding(True, "permission", "the recycle bin is shown")


def superfluous(graph: Graph) -> Iterator[Finding]:
    """Permissions that the application has and that reading does not take, as far as the token tells them."""
    granted = roles(graph.sign_in.token())
    others = sorted(granted - {USERS, GROUPS, HIDDEN_MEMBERS})
    missing = [each for each in (USERS, GROUPS) if each not in granted]
    instead = f" once it has {' and '.join(missing)}" if missing else ""
    acting = [each for each in others if not _READS.fullmatch(each)]
    reading = [each for each in others if _READS.fullmatch(each)]
    if acting:
        advice = f"Take them away in the app registration{instead}: whoever steals its secret could change the tenant."
        yield Finding(True, "permission", f"may do more than read: {', '.join(acting)}", advice, warning=True)
    if reading:
        advice = f"Take away what nothing else needs{instead}."
        yield Finding(True, "permission", f"may read more than it takes: {', '.join(reading)}", advice, warning=True)


def unknown(wanted: Wanted, extensions: Collection[str]) -> Iterator[Finding]:
    """A line for each attribute of the mapping that cannot be asked for: it is not known, and never empty."""
    for attribute in wanted.unknown:
        near = nearest(attribute, [*KNOWN, *extensions])
        advice = (
            "Correct it in the mapping. A directory extension is named under `extensions`; what only another directory"
            " of the mapping has, under `absent`."
        )
        yield Finding(False, "attributes", f"Graph gives no attribute {attribute} of users{near}", advice)


def seen(counts: Counts, proof: Proof, wanted: Wanted, settings: Settings) -> Iterator[Finding]:
    """What the reading gave."""
    yield from of_proof(proof) if not wanted.unknown else _without(wanted, proof)
    if proof.count and proof.presence:
        had = ", ".join(f"{attribute} {present:,}" for attribute, present in proof.presence.items())
        yield Finding(True, "attributes", f"of {proof.count:,} people: {had}")
    yield Finding(True, "people", f"{counts.disabled:,} of them disabled")
    yield from _guests(counts, settings.guests)
    if settings.groups:
        yield from _groups(counts)
    if counts.hidden:
        advice = f"Grant {USERS}. Nothing follows from what is not known: they keep what they have."
        yield Finding(True, "people", f"{counts.hidden:,} come with nothing but their id", advice, warning=True)
    if settings.canaries and not any(problem.startswith(CANARY) for problem in proof.problems):
        number = len(settings.canaries)
        yield Finding(True, "canaries", "the one came" if number == 1 else f"all {number} came")


def _without(wanted: Wanted, proof: Proof) -> Iterator[Finding]:
    """The same without the attributes that were complained about already."""
    told = {f"nobody has {attribute}" for attribute in wanted.unknown}
    yield from (finding for finding in of_proof(proof) if finding.detail not in told)


def _guests(counts: Counts, read: bool) -> Iterator[Finding]:
    detail = f"{counts.guests:,} guests, {'read too' if read else 'passed over'}"
    yield Finding(True, "guests", detail)
    if counts.external:
        advice = "Their user principal name, with #EXT# in it, is refused as a login: leave them out, or map `mail`."
        yield Finding(True, "guests", f"{counts.external:,} who are read came from other tenants", advice, warning=True)


def _groups(counts: Counts) -> Iterator[Finding]:
    yield Finding(True, "groups", f"{counts.groups:,} read", warning=not counts.groups)
    if counts.hidden_groups:
        advice = f"Grant {HIDDEN_MEMBERS} where the mapping looks at one of them."
        detail = f"{counts.hidden_groups:,} hide their members: nobody is known to be in them or not"
        yield Finding(True, "groups", detail, advice, warning=True)
    if counts.ambiguous:
        few = ", ".join(counts.ambiguous[:_NAMED])
        more = len(counts.ambiguous) - _NAMED
        detail = f"several have one name: {few}" + (f" and {more:,} more" if more > 0 else "")
        advice = "Members of each count. Where the mapping looks at one of these, name it by its object id."
        yield Finding(True, "groups", detail, advice, warning=True)


def latency(graph: Graph) -> Finding:
    """How quickly Graph answered all of this."""
    spent = graph.spent
    each = 1000 * spent.seconds / max(1, spent.calls)
    return Finding(True, "latency", f"{spent.calls:,} answers, {each:,.0f} ms each on average")

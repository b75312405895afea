"""What people said about whose a login is. Nothing is taken out: what is forgotten stays, and says by whom."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from iwds.core.model import Anchor, Service
from iwds.core.recognition import MatchDecision
from iwds.state.engine import Database
from iwds.state.tables import match_decision as table


def keep_match(database: Database, service: Service, said: MatchDecision) -> None:
    """Keep a decision instead of what stands about the same login."""
    values = {
        "service": str(service),
        "login_id": said.login_id,
        "login": said.login,
        "realm": said.anchor.realm if said.anchor else None,
        "entry_id": said.anchor.id if said.anchor else None,
        "who": said.who,
        "reason": said.reason,
        "made_at": said.at,
        "forgotten_by": "",
    }
    with database.writing() as connection:
        _forget(connection, service, said.login_id, (said.who, said.at))
        connection.execute(insert(table).values(values))


def forget_match(database: Database, service: Service, login_id: int, forgotten: tuple[str, datetime]) -> None:
    """Forget what stands about a login; by whom, and when."""
    with database.writing() as connection:
        _forget(connection, service, login_id, forgotten)


def _forget(connection: Connection, service: Service, login_id: int, forgotten: tuple[str, datetime]) -> None:
    by, at = forgotten
    which = table.c.service == str(service), table.c.login_id == login_id, table.c.forgotten_at.is_(None)
    connection.execute(update(table).where(*which).values(forgotten_by=by, forgotten_at=at))


def matches(database: Database, service: Service) -> Sequence[MatchDecision]:
    """All that stand, by login id; of two that were made at the same moment the later one counts."""
    wanted = select(table).where(table.c.service == str(service), table.c.forgotten_at.is_(None))
    with database.reading() as connection:
        found = connection.execute(wanted.order_by(table.c.login_id, table.c.id)).all()
    said = [
        MatchDecision(
            row.login_id,
            row.login,
            Anchor(row.realm, row.entry_id) if row.realm is not None else None,
            row.who,
            row.reason,
            row.made_at,
        )
        for row in found
    ]
    return list({each.login_id: each for each in said}.values())

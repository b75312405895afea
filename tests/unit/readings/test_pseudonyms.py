"""What our memory says of a login under a pseudonym is about that pseudonym, and nobody can guess the rest."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from iwds.core.ledger import fingerprint
from iwds.core.model import Account, Anchor, Entry, LedgerRow, Login, Origin, Proof
from iwds.core.normal import parse_extra
from iwds.readings.draft import Draft
from iwds.readings.file import Reading
from iwds.readings.pseudonyms import Guise, pseudonymise
from iwds.readings.scramble import Scramble

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = Entry(Anchor("here", "a"), "cn=a", {"uid": ("ann",), "l": ("Ulm",)})


def account(entry: Entry) -> Account:
    return Account(entry.anchor, entry.attrs["uid"][0], extra=(("site", entry.attrs["l"][0]),))


def disguised(folder: Path, written: dict[str, str]) -> tuple[LedgerRow, Login]:
    """Our row of ann and her login after pseudonymising; her extra field `site` is Ulm."""
    draft = Draft(folder)
    draft.add_entries(draft.begin_reading("staff", {"uid", "l"}), [ANN])
    draft.add_logins([Login(1, "ann", mail="", extra='{"site":"Ulm"}')])
    draft.add_ledger([LedgerRow(1, ANN.anchor, 20, Origin.CREATED, "ann", written=written)])
    for name in ("logins", "members"):
        draft.note(name, Proof("mfa", "", "", 1, ("whole",), (), NOON))
    draft.finish(folder / "one")
    other = Draft(folder)
    with closing(Reading(folder / "one")) as reading:
        pseudonymise(reading, other, Guise(Scramble(b"k" * 32), (), account))
    other.finish(folder / "other")
    with closing(Reading(folder / "other")) as reading:
        (row,), (login,) = reading.ledger(), reading.logins()
        return row, login


def site(login: Login) -> Any:
    return (parse_extra(login.extra or "") or {})["site"]


def test_an_extra_field_that_is_as_we_wrote_it_still_is(tmp_path: Path) -> None:
    row, login = disguised(tmp_path, {"extra site": fingerprint("Ulm"), "mail": fingerprint("")})
    assert site(login) != "Ulm"
    assert row.written == {"extra site": fingerprint(site(login)), "mail": fingerprint("")}


def test_an_extra_field_that_others_changed_still_differs_and_its_hash_is_hidden(tmp_path: Path) -> None:
    row, login = disguised(tmp_path, {"extra site": fingerprint("Bonn")})
    assert row.written["extra site"] not in (fingerprint("Bonn"), fingerprint(site(login)))

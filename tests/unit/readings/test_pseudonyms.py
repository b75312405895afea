"""What our memory holds of a person, in a reading with pseudonyms."""

from contextlib import closing
from typing import cast

from iwds.core.ledger import fingerprint
from iwds.core.model import Anchor, LedgerRow, Login, Origin
from iwds.core.normal import parse_extra
from iwds.readings.file import Draft, Reading
from iwds.readings.pseudonyms import Guise, _Disguise
from iwds.readings.scramble import Scramble

ANN = Login(1, "ann", "", "", "ann@x.y", "", 0, 0, extra='{"room": "7b"}')


class _Read:
    """A reading of one login."""

    def login(self, _: int) -> Login:
        return ANN


def test_a_hash_of_an_extra_field_is_made_anew_where_it_fits_and_hidden_where_not() -> None:
    guise = Guise(Scramble(b"k" * 32, set()), (), lambda _: None)  # type: ignore[arg-type,return-value]  # nobody maps
    with closing(_Disguise(cast("Reading", _Read()), cast("Draft", None), guise)) as disguise:
        written = {"login": fingerprint("ann"), "extra room": fingerprint("7b"), "extra desk": fingerprint("old")}
        row = LedgerRow(1, Anchor("here", "ann"), 20, Origin.CREATED, "ann", written=written)
        made, now = disguise._row(row).written, disguise._login(ANN)
    assert made["login"] == fingerprint(now.login) != written["login"]
    room = (parse_extra(now.extra or "") or {})["room"]
    assert made["extra room"] == fingerprint(room) != written["extra room"]
    assert made["extra desk"] != written["extra desk"]

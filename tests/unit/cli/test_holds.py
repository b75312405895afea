"""What `iwds hold` says."""

from iwds.cli.holds import _meanwhile
from iwds.core.model import Login, Status

ANN = Login(7, "ann", "", "", "", "", 0, Status.ACTIVE, "", 20)


def test_a_hold_keeps_whoever_is_active_and_unlocks_nobody() -> None:
    assert _meanwhile(ANN) == "whoever has left stays active until then"
    locked = Login(7, "ann", "", "", "", "", 0, Status.LOCKED, "", 20)
    assert _meanwhile(locked) == "it is locked now, and a hold unlocks nobody"

"""What the commands share."""

import pytest

from iwds.cli.common import require_reason
from iwds.cli.planning import selection_of
from iwds.errors import UsageError


@pytest.mark.parametrize("reason", ["...", "…", " .. ", '"..."', "TEXT", "REASON"])
def test_what_we_print_for_a_reason_is_none(reason: str) -> None:
    with pytest.raises(UsageError, match="is no reason"):
        require_reason(reason)
    with pytest.raises(UsageError, match="is no reason"):
        selection_of(None, ["lock=5"], reason)


@pytest.mark.parametrize("reason", ["", "  "])
def test_nothing_is_no_reason(reason: str) -> None:
    with pytest.raises(UsageError, match="--allow needs --reason"):
        selection_of(None, ["lock=5"], reason)


def test_a_reason_in_any_words_is_one() -> None:
    require_reason("the Lyon office closes...")
    assert selection_of(None, ["lock=5"], "x").reason == "x"

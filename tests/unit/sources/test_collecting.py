"""The collector of cycles is called seldom while somebody reads, and afterwards as before."""

import gc
from collections.abc import Iterator

import pytest

from iwds.sources._collecting import seldom


@pytest.fixture
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("as_before")
@pytest.mark.parametrize(("found", "inside"), [(700, 20_000), (50_000, 50_000), (0, 0)])
def test_the_threshold_is_raised_until_the_last_reading_has_ended(found: int, inside: int) -> None:
    gc.set_threshold(found, 11, 12)
    with seldom:
        assert gc.get_threshold() == (inside, 11, 12)
        with pytest.raises(OSError), seldom:  # noqa: PT011 - any error of a reading
            raise OSError
        assert gc.get_threshold() == (inside, 11, 12)

    assert gc.get_threshold() == (found, 11, 12)

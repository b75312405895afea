"""Codes of the local MFA service live as long as documented."""

import pytest

from iwds.sandbox.store import CodeType, Store

PERSON: dict[str, int | str] = {
    **dict.fromkeys(("firstname", "name", "mail", "phone", "extrafields"), ""),
    **dict.fromkeys(("status", "role", "access", "createdby"), 0),
    "login": "zoe",
    "lang": "en",
}
DAY = 86400


class Clock:
    """A time that tests choose."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("kind", "lifetime"), [(CodeType.IMMEDIATE, 30 * 60), (CodeType.INACTIVE, 21 * DAY), (CodeType.LINK, 21 * DAY)]
)
def test_an_unused_code_expires(kind: CodeType, lifetime: int) -> None:
    clock = Clock()
    store = Store(":memory:", clock=clock)
    login_id = store.create(PERSON, kind).login_id
    clock.now += lifetime - 1
    assert state(store, login_id) != "expired"
    clock.now += 1
    assert state(store, login_id) == "expired"
    store.close()


def test_a_code_made_active_is_good_for_half_an_hour() -> None:
    clock = Clock()
    store = Store(":memory:", clock=clock)
    new = store.create(PERSON, CodeType.INACTIVE)
    clock.now += 20 * DAY
    assert store.activate_code(new.login_id) == new.code
    clock.now += 30 * 60
    assert state(store, new.login_id) == "expired"
    store.close()


def test_an_expired_code_cannot_be_made_active() -> None:
    clock = Clock()
    store = Store(":memory:", clock=clock)
    login_id = store.create(PERSON, CodeType.INACTIVE).login_id
    clock.now += 21 * DAY
    assert store.activate_code(login_id) is None
    store.close()


def test_a_mail_that_was_sent_is_kept() -> None:
    store = Store(":memory:")
    store.add_mail(7, "zoe@example.com", "a-long-code")
    assert store.mails() == [(7, "zoe@example.com")]
    store.close()


def state(store: Store, login_id: int) -> str:
    row = store.login(login_id)
    assert row is not None
    return str(row["state"])

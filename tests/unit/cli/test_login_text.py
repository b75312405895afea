"""One login in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from iwds.cli.access_text import activation_words, device_lines, error_lines, lifetime_words
from iwds.cli.login import moment
from iwds.cli.login_text import (
    audit_lines,
    error_facts,
    given_words,
    locked_words,
    login_data,
    login_lines,
    unlocked_words,
)
from iwds.core.access import state_words
from iwds.core.devices import Activated, Code, Details, Device, DeviceKind, DeviceState, GroupRole
from iwds.core.error_codes import explain_error
from iwds.core.model import Group
from iwds.core.policy import Hold
from iwds.engine.actions import Given, Lifetime, Seen
from iwds.engine.locks import Locked, Unlocked
from iwds.errors import UsageError
from iwds.ports import AuditRow, HoldRow, Result
from iwds.settings import HelpdeskSettings
from tests.unit.core.made import NOON, login, row

SECRET = "123456789"
UNTIL = NOON + timedelta(days=2)
HOLD = Hold("zoe", "phone lost", UNTIL)
PHONE = Device(DeviceKind.AUTHENTICATOR, 12, DeviceState(3), "Phone", created=1_700_000_000, last_used=0)
ACTION = AuditRow(
    7, NOON, "mfa#1", 1, "ann", "lock", "until noon", "zoe", "desk-1", "phone lost", "T-1", NOON, Result.DONE
)  # fmt: skip


def seen(**fields: Any) -> Seen:
    """Ann, of whom everything is known."""
    who = login(1, "ann", firstname="Ann", name="Lee", mail="ann@x.y", status=1, last_seen=0)
    details = Details(who, Activated.DONE, (PHONE,), Code(SECRET), True, False, None)
    made = {
        "login": who,
        "details": details,
        "groups": [GroupRole(Group(1, "vpn"), 0), GroupRole(Group(2, "wiki"), 77)],
        "role_names": [(77, "auditor")],
        "row": row(locked=True),
        "hold": HoldRow(1, HOLD, "T-1", NOON),
        "exempt": None,
        "lately": [ACTION],
    }
    return Seen(**{**made, **fields})


def page(what: Seen) -> str:
    return "\n".join(line.plain for line in login_lines(what, NOON))


def test_a_page_tells_everything_but_the_link() -> None:
    told = " ".join(page(seen()).split())
    for words in (
        "ann #1 LOCKED",
        "Ann Lee",
        "role user",
        "activated: a code was used",
        "PIN blocked after wrong entries",
        "never",
        "ma:12 Authenticator, locked and PIN locked: Phone",
        "vpn (user), wiki (auditor)",
        "created under the provisioning id 20, stands for here/ann; locked by a run",
        "phone lost [T-1]",
        "zoe@desk-1: lock, done",
        'until noon; "phone lost"; [T-1]',
    ):
        assert words in told, words
    assert SECRET not in told
    assert SECRET not in str(login_data(seen()))


def test_what_the_service_keeps_to_itself_is_said_so() -> None:
    who = login(1, "ann", phone=None, created_by=None, role=None)
    told = page(seen(login=who, details=Details(who, None), row=None, hold=None, lately=[], groups=[]))
    for head in ("phone", "role", "activation", "last login", "locks", "tag"):
        assert f"  {head:<12}not told by the service" in told
    assert "no run touches it" in told
    assert "Held" not in told


def test_a_page_fits_and_moves_no_cursor_whatever_people_are_called() -> None:
    evil = "x\x1b[31m\n" * 30
    who = replace(seen().login, login="a" * 255, name=evil, extra="e " * 2000)
    device = replace(PHONE, name="森" * 60)
    hold = HoldRow(1, replace(HOLD, reason=evil), evil, NOON)
    told = seen(
        login=who, details=Details(who, Activated.LINK, (device,)), hold=hold,
        lately=[replace(ACTION, reason=evil, who=evil)], groups=[GroupRole(Group(1, evil), 0)],
    )  # fmt: skip
    lines = [line.plain for line in login_lines(told, NOON)]
    assert all("\x1b" not in line and "\n" not in line for line in lines)
    assert [line for line in lines if cell_len(line) > 80 and not line.startswith("aaa")] == []


@pytest.mark.parametrize(
    ("activated", "words"),
    [
        (Activated.DONE, "activated: a code was used"),
        (Activated.EXPIRED, "not activated: no code was used, and none is good any more"),
        (Activated.INACTIVE, "not activated: there is a code, which is not switched on yet"),
        (Activated.LINK, "not activated: a link waits to be used"),
        (Activated.CODE, "not activated: a code waits to be used"),
        (None, "not told by the service"),
    ],
)
def test_how_far_an_activation_is_has_words_and_no_code(activated: Activated | None, words: str) -> None:
    assert activation_words(Details(login(), activated)) == words


@pytest.mark.parametrize(
    ("state", "words"), [(0, "active"), (1, "locked"), (2, "PIN locked"), (3, "locked and PIN locked")]
)
def test_the_mask_of_a_device_has_words(state: int, words: str) -> None:
    assert state_words(DeviceState(state)) == words


class TestWhatWaits:
    """Is told with its end where something says when it was made."""

    def told(self, activated: Activated, *rows: AuditRow) -> str:
        return activation_words(Details(login(), activated), rows, HelpdeskSettings())

    def test_is_good_for_as_long_as_is_configured(self) -> None:
        ending = " from when it was made, as configured"
        assert self.told(Activated.CODE) == f"not activated: a code waits to be used; it is good for 30 minutes{ending}"
        assert self.told(Activated.LINK) == f"not activated: a link waits to be used; it is good for 21 days{ending}"
        assert self.told(Activated.EXPIRED) == activation_words(Details(login(), Activated.EXPIRED))

    @pytest.mark.parametrize(
        ("activated", "action", "detail", "end"),
        [
            (Activated.CODE, "code", "made active", "Sun 22 Nov 2026 12:30"),
            (Activated.CODE, "restore", "", "Sun 22 Nov 2026 12:30"),
            (Activated.LINK, "code", "new link by mail", "Sun 13 Dec 2026 12:00"),
        ],
    )
    def test_is_good_until_a_time_where_it_was_given_from_here(
        self, monkeypatch: pytest.MonkeyPatch, activated: Activated, action: str, detail: str, end: str
    ) -> None:
        monkeypatch.setattr("iwds.cli.access_text.local", lambda moment: f"{moment:%a %d %b %Y %H:%M}")
        given = replace(ACTION, action=action, detail=detail)
        assert f"the one given from here is good until {end}, as configured" in self.told(activated, ACTION, given)

    @pytest.mark.parametrize(
        ("activated", "fields"),
        [
            (Activated.CODE, {"detail": "link by mail"}),
            (Activated.CODE, {"detail": "of the link"}),
            (Activated.CODE, {"detail": "made active", "result": Result.REJECTED}),
            (Activated.LINK, {"detail": "link by mail"}),
            (Activated.LINK, {"detail": "made active"}),
            (Activated.LINK, {"detail": "link by mail", "action": "reset-password"}),
        ],
    )
    def test_is_not_dated_by_what_did_not_make_it(self, activated: Activated, fields: Any) -> None:
        told = self.told(activated, replace(ACTION, **{"action": "code", **fields}))
        assert "from when it was made" in told


def test_a_page_of_an_error_code_says_how_it_is_here_and_what_to_do() -> None:
    told = [line.plain for line in error_lines(explain_error("DEVICE_LOCKED", error_facts(seen())))]
    assert told[0] == "DEVICE_LOCKED"
    assert told[1].startswith("  means       The device is locked.")
    assert "ma:12 Phone (Authenticator, locked and PIN locked)" in " ".join(" ".join(told).split())
    assert "iwds login devices ann --delete ID --reason TEXT" in " ".join(told)
    assert max(map(len, told)) <= 80


@pytest.mark.parametrize(
    ("fields", "whose"),
    [
        ({}, "by zoe until Tue 24 Nov 2026 12:00: phone lost"),
        ({"hold": None}, "by a run"),
        ({"hold": None, "row": None}, "by somebody else"),
    ],
)
def test_a_locked_login_is_told_with_whose_lock_it_is(fields: Any, whose: str) -> None:
    (here,) = explain_error("SERVICE_ACCOUNT_STATUS_DISABLED", error_facts(seen(**fields))).here
    assert here.startswith(f"ann is locked, {whose}")


def test_the_last_use_is_that_of_the_list_where_the_question_has_none() -> None:
    who = login(1, "ann", last_seen=NOON.timestamp())
    told = seen(login=who, details=Details(replace(who, last_seen=None), Activated.DONE))
    assert login_data(told)["last_seen"] == login_data(told)["login"]["last_seen"] == NOON.timestamp()
    assert "last login  Sun 22 Nov 2026" in page(told)


def test_push_is_told_of_devices_that_can() -> None:
    lines = [line.plain.strip() for line in device_lines([replace(PHONE, push=True), replace(PHONE, push=False)], NOON)]
    assert lines[1].startswith("push on, made ")
    assert lines[-2].startswith("no push, made ") or lines[-1].startswith("no push, made ")


def test_devices_stand_in_columns_with_what_is_known_of_their_use() -> None:
    bare = Device(DeviceKind.MACCESS, 7, DeviceState.ACTIVE, "")
    told = [line.plain for line in device_lines([PHONE, bare], NOON)]
    assert told[1].endswith("never used")
    assert told[2] == "  mac:7  mAccess, active: (no name)"
    assert told[3] == "         last used: not told by the service"


def test_an_action_that_never_ended_is_unknown() -> None:
    head, *_ = audit_lines([replace(ACTION, result=None, ended=None)])
    assert head.plain.endswith("zoe@desk-1: lock ann, unknown")


class TestWhatWasGiven:
    def test_is_told_with_its_lifetime_and_never_itself(self) -> None:
        given = Given("activation code", Code(SECRET), Lifetime.CODE)
        assert given_words(given, login(), HelpdeskSettings()) == ["Activation code for ann, good for 30 minutes:"]

    def test_by_mail_is_told_with_the_address(self) -> None:
        words = given_words(Given("unlock link", None, Lifetime.UNLOCK_LINK), login(mail="a@x.y"), HelpdeskSettings())
        assert words == ["The unlock link was mailed to a@x.y; it is good for 2 days."]

    def test_lasts_as_long_as_is_configured(self) -> None:
        times = HelpdeskSettings(code_minutes=1, link_days=2, device_link_days=3, unlock_code_minutes=4)
        assert [lifetime_words(each, times) for each in Lifetime] == [
            "1 minute", "2 days", "3 days", "4 minutes", "2 days", "",
        ]  # fmt: skip
        otp = Given("one-time password", Code(SECRET), Lifetime.OTP)
        assert given_words(otp, login(), times) == ["One-time password for ann:"]


class TestALock:
    def test_is_told_with_its_end_and_what_comes_after(self) -> None:
        first, second = locked_words(Locked(HOLD, None, False, True), login())
        assert first.startswith("ann is locked until Tue 24 Nov 2026 ")
        assert second == "After that the next run unlocks it, if the directory then says enabled."

    def test_that_is_given_back_by_nobody_says_so(self) -> None:
        *_, last = locked_words(Locked(HOLD, HOLD, True, False), login())
        assert "it stays locked" in last
        assert "iwds login unlock ann" in last

    def test_without_an_end_says_who_ends_it_and_what_it_replaces(self) -> None:
        told = locked_words(Locked(Hold("zoe", "x"), HOLD, True, True), login())
        assert told == [
            "ann was locked already and stays so until somebody unlocks it; no run undoes it before.",
            "This replaces: locked by zoe until Tue 24 Nov 2026 12:00: phone lost.",
        ]

    def test_that_is_lifted_says_whose_it_was_and_what_the_next_run_does(self) -> None:
        assert unlocked_words(Unlocked(HOLD, False, False), login())[0] == f"Lifted: {HOLD}."
        assert "the next run locks it again" in unlocked_words(Unlocked(None, True, False), login())[-1]
        assert unlocked_words(Unlocked(None, False, True), login()) == [
            "Nothing was locked.",
            "ann was active already.",
        ]


class TestAnEnd:
    def test_is_a_duration_or_a_time_here(self) -> None:
        assert moment("2d", NOON) == UNTIL
        assert moment("2026-12-01T10:00+00:00", NOON) == datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
        assert moment("2026-12-01 10:00", NOON) == datetime(2026, 12, 1, 10, 0).astimezone(UTC)

    def test_that_is_a_date_is_the_end_of_its_day(self) -> None:
        assert moment("2026-12-01", NOON) == datetime(2026, 12, 2).astimezone(UTC)

    @pytest.mark.parametrize(
        "text", ["2026-11-20", "0s", "soon", "", "2026-02-30", "9999-12-31", "36501d", "9" * 30 + "h"]
    )
    def test_that_is_over_or_none_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError):
            moment(text, NOON)

"""What the helpdesk does to one login: which call fits which state, and what is written down of it."""

from collections.abc import Iterator

import pytest

from iwds.cli.audit import audit
from iwds.core.devices import Activated, Code, Device, DeviceKind, DeviceState
from iwds.core.model import Login
from iwds.engine.actions import Giving, Lifetime, Why, find, find_device, look
from iwds.errors import OutcomeUnknown, Refused, Rejected, UsageError
from iwds.ports import Result
from tests.unit.engine.desk import SECRET, WHY, Helpdesk

PHONE = Device(DeviceKind.AUTHENTICATOR, 12, DeviceState.ACTIVE, "Phone")
BROWSER = Device(DeviceKind.BROWSER, 12, DeviceState.ACTIVE, "Browser")


@pytest.fixture
def stage() -> Iterator[Helpdesk]:
    made = Helpdesk()
    yield made
    made.close()


@pytest.fixture
def ann(stage: Helpdesk) -> Login:
    return stage.target.state.add("Ann", mail="ann@x.y")


def giving(stage: Helpdesk, login: Login, *protected: str) -> Giving:
    return Giving(stage.desk(*protected), login, WHY)


class TestFinding:
    def test_is_by_name_in_any_case_or_by_id(self, stage: Helpdesk, ann: Login) -> None:
        assert find(stage.desk(), "aNN") == ann
        assert find(stage.desk(), f"#{ann.id}") == ann

    @pytest.mark.parametrize("text", ["bob", "#1", "#x", "#", "12"])
    def test_of_nobody_is_an_error_of_who_typed_it(self, stage: Helpdesk, ann: Login, text: str) -> None:
        with pytest.raises(UsageError, match=f"has no login {text}"):
            find(stage.desk(), text)

    @pytest.mark.parametrize("text", ["#9223372036854775808", "#" + "9" * 5000])
    def test_by_what_can_be_no_id_asks_the_service_for_no_id(
        self, stage: Helpdesk, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setattr(type(stage.target.reader), "login", lambda *_: pytest.fail("no 64 bits hold this"))
        with pytest.raises(UsageError, match="has no login"):
            find(stage.desk(), text)
        with pytest.raises(UsageError, match="is no login id"):
            audit(text)


class TestACode:
    """Is the one that is right for how far the activation is."""

    @pytest.mark.parametrize(
        ("activated", "devices", "add_device", "calls"),
        [
            (Activated.INACTIVE, (), False, ["activate_code"]),
            (Activated.LINK, (), False, ["code_of_link long"]),
            (Activated.CODE, (), False, ["restore"]),
            (Activated.EXPIRED, (), False, ["restore"]),
            (Activated.DONE, (), False, ["restore"]),
            (None, (), False, ["restore"]),
            (Activated.DONE, (), True, ["restore"]),
            (Activated.DONE, (PHONE,), True, ["add_device"]),
            (Activated.CODE, (PHONE,), True, ["add_device"]),
            (None, (PHONE, BROWSER), True, ["add_device"]),
        ],
    )
    def test_fits_the_state(
        self, stage: Helpdesk, ann: Login, activated: Activated, devices: tuple[Device, ...], add_device: bool,
        calls: list[str],
    ) -> None:  # fmt: skip
        stage.is_told(*devices, activated=activated, link=Code("long"))
        given = giving(stage, ann).code(add_device=add_device)
        assert stage.actions.calls == calls
        assert given.code is not None
        assert (given.code.reveal(), given.lifetime) == (SECRET, Lifetime.CODE)

    @pytest.mark.parametrize("activated", [Activated.DONE, Activated.EXPIRED, Activated.CODE, None])
    def test_for_somebody_with_a_device_is_given_only_where_it_is_said_for_what(
        self, stage: Helpdesk, ann: Login, activated: Activated | None
    ) -> None:
        stage.is_told(PHONE, activated=activated)
        with pytest.raises(Refused, match="Ann has a device already") as caught:
            giving(stage, ann).code()
        assert "iwds login code Ann --add-device" in caught.value.advice
        assert "iwds login restore Ann" in caught.value.advice
        assert (stage.actions.calls, stage.audit()) == ([], [])

    def test_of_a_link_that_the_service_keeps_to_itself_cannot_be_told(self, stage: Helpdesk, ann: Login) -> None:
        stage.is_told(activated=Activated.LINK)
        with pytest.raises(Refused, match="does not say which") as caught:
            giving(stage, ann).code()
        assert "--mail" in caught.value.advice


class TestALink:
    @pytest.mark.parametrize(
        ("activated", "devices", "calls", "lifetime"),
        [
            (Activated.LINK, (), ["send_link"], Lifetime.LINK),
            (Activated.DONE, (PHONE,), ["add_device link", "send_link"], Lifetime.DEVICE_LINK),
        ],
    )
    def test_is_mailed_and_no_code_shown(
        self, stage: Helpdesk, ann: Login, activated: Activated, devices: tuple[Device, ...], calls: list[str],
        lifetime: Lifetime,
    ) -> None:  # fmt: skip
        stage.is_told(*devices, activated=activated, link=Code("long"))
        given = giving(stage, ann).code(add_device=bool(devices), mail=True)
        assert (given.code, given.lifetime, stage.actions.calls) == (None, lifetime, calls)

    def test_is_made_anew_for_who_never_used_theirs(self, stage: Helpdesk, ann: Login) -> None:
        stage.is_told(activated=Activated.EXPIRED)
        given = giving(stage, ann).code(mail=True)
        assert (given.what, given.code, given.lifetime) == ("new link", None, Lifetime.DEVICE_LINK)
        assert stage.actions.calls == ["add_device link", "send_link"]
        assert [(row.detail, row.result) for row in stage.audit()] == [("new link by mail", Result.DONE)]

    def test_is_not_made_for_who_never_chose_a_pin_and_that_says_what_helps(self, stage: Helpdesk, ann: Login) -> None:
        stage.is_told(activated=Activated.EXPIRED)
        stage.actions.error = Rejected("no", "NoPassword")
        with pytest.raises(Refused, match="never chose a PIN") as caught:
            giving(stage, ann).code(mail=True)
        assert caught.value.advice.endswith("iwds login code Ann")
        assert [row.result for row in stage.audit()] == [Result.REJECTED]
        stage.actions.error = Rejected("no", "SN")
        with pytest.raises(Rejected, match="no"):
            giving(stage, ann).code(mail=True)

    @pytest.mark.parametrize("activated", [Activated.INACTIVE, Activated.CODE, Activated.DONE, None])
    def test_that_there_is_not_is_not_mailed(self, stage: Helpdesk, ann: Login, activated: Activated | None) -> None:
        stage.is_told(activated=activated)
        with pytest.raises(Refused, match="no link that could be mailed"):
            giving(stage, ann).code(mail=True)

    def test_needs_an_address(self, stage: Helpdesk) -> None:
        bob = stage.target.state.add("bob")
        for act in (giving(stage, bob).code, giving(stage, bob).reset_password):
            with pytest.raises(Refused, match="bob has no mail address"):
                act(mail=True)
        assert stage.actions.calls == []

    def test_of_which_nobody_knows_whether_it_was_mailed_is_not_mailed_again(self, stage: Helpdesk, ann: Login) -> None:
        stage.is_told(activated=Activated.LINK)
        stage.actions.error = OutcomeUnknown("no answer came")
        with pytest.raises(OutcomeUnknown, match="not known whether it was done: no answer came") as caught:
            giving(stage, ann).code(mail=True)
        assert caught.value.advice == "ask Ann whether a mail came, before you send another"
        assert stage.actions.calls == ["send_link"]


class TestTheOtherActions:
    def test_call_what_they_are_named_after(self, stage: Helpdesk, ann: Login) -> None:
        act = giving(stage, ann)
        lifetimes = [act.restore().lifetime, act.reset_password().lifetime, act.otp().lifetime]
        assert lifetimes == [Lifetime.CODE, Lifetime.UNLOCK_CODE, Lifetime.OTP]
        assert act.reset_password(mail=True).code is None
        act.reset_pin_errors()
        act.rename_device(PHONE, "New")
        act.delete_device(BROWSER)
        assert stage.actions.calls == [
            "restore", "unlock_code", "otp", "unlock_code link", "send_link", "reset_pin_errors",
            "rename_device ma 12 New", "delete_device ca 12",
        ]  # fmt: skip
        assert [(row.action, row.detail) for row in stage.audit()] == [
            ("restore", ""),
            ("reset-password", ""),
            ("otp", ""),
            ("reset-password", "link by mail"),
            ("reset-pin-errors", ""),
            ("rename-device", "ma:12: Phone > New"),
            ("delete-device", "ca:12: Browser"),
        ]

    def test_take_nothing_away_from_whom_a_mapping_protects(self, stage: Helpdesk, ann: Login) -> None:
        act = giving(stage, ann, "ann")
        for take in (act.restore, lambda: act.delete_device(PHONE)):
            with pytest.raises(Refused, match="a mapping protects Ann"):
                take()
        assert (stage.actions.calls, stage.audit()) == ([], [])
        act.otp()


class TestADevice:
    def test_is_named_by_its_number_and_by_its_kind_too_where_numbers_coincide(self, ann: Login) -> None:
        assert find_device(ann, [PHONE], "12") == PHONE
        assert find_device(ann, [PHONE, BROWSER], "ca:12") == BROWSER

    @pytest.mark.parametrize(
        ("text", "words"),
        [("12", "12 is several devices of Ann"), ("13", "13 is no device"), ("va:12", "no device"), ("x:12", "no dev")],
    )
    def test_that_is_not_clear_is_asked_for_with_the_list(self, ann: Login, text: str, words: str) -> None:
        with pytest.raises(UsageError, match=words) as caught:
            find_device(ann, [PHONE, BROWSER], text)
        assert caught.value.advice == "its devices: ma:12, ca:12"

    def test_of_somebody_without_any_is_none(self, ann: Login) -> None:
        with pytest.raises(UsageError) as caught:
            find_device(ann, [], "12")
        assert caught.value.advice == "its devices: none"


class TestTheAudit:
    def test_has_the_intent_before_the_call_and_its_outcome_after(
        self, stage: Helpdesk, ann: Login, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        during = []
        monkeypatch.setattr(stage.actions, "reset_pin_errors", lambda _: during.extend(stage.audit()))
        giving(stage, ann).reset_pin_errors()
        (before,), (after,) = during, stage.audit()
        assert (before.result, after.result) == (None, Result.DONE)
        assert (after.login_id, after.name, after.service) == (ann.id, "Ann", str(stage.target.reader.service))
        assert (after.who, after.host, after.reason, after.ticket) == ("zoe", "desk-1", "phone lost", "T-1")

    @pytest.mark.parametrize(
        ("error", "result"), [(Rejected("NOK:MULTI"), Result.REJECTED), (OutcomeUnknown("no answer"), Result.UNKNOWN)]
    )
    def test_says_how_a_failure_ended(self, stage: Helpdesk, ann: Login, error: Exception, result: Result) -> None:
        stage.actions.error = error
        with pytest.raises(type(error)):
            giving(stage, ann).otp()
        (row,) = stage.audit()
        assert row.result is result
        assert str(error) in row.error

    def test_leaves_open_what_was_broken_off(self, stage: Helpdesk, ann: Login) -> None:
        stage.actions.error = KeyboardInterrupt()  # type: ignore[assignment]  # what Ctrl-C raises
        with pytest.raises(KeyboardInterrupt):
            giving(stage, ann).otp()
        assert [row.result for row in stage.audit()] == [None]

    def test_never_holds_a_code_and_neither_does_what_is_known_of_a_login(self, stage: Helpdesk, ann: Login) -> None:
        stage.is_told(PHONE, activated=Activated.DONE, link=Code(SECRET))
        act = Giving(stage.desk(), ann, Why())
        given = [act.restore(), act.reset_password(), act.otp(), act.code(add_device=True)]
        assert SECRET not in f"{stage.audit()}{look(stage.desk(), ann)}{given}"


def test_a_look_at_a_login_tells_everything_and_is_not_in_the_audit(stage: Helpdesk, ann: Login) -> None:
    stage.is_told(PHONE, activated=Activated.DONE)
    giving(stage, ann).reset_pin_errors()
    seen = look(stage.desk(), ann)
    assert (seen.login, seen.details.devices, seen.row, seen.hold) == (ann, (PHONE,), None, None)
    assert [row.action for row in seen.lately] == ["reset-pin-errors"]
    assert len(stage.audit()) == 1

"""What every `State` keeps of accounts that a directory refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from iwds.ports import RefusedBind, State
from tests.contract.state_tools import NOON, Place

SERVER, OTHER_SERVER = "ldaps://dc1.corp.example", "ldaps://dc2.corp.example"
SECRET = b"wrong-7391"
REFUSED = RefusedBind("corp", SERVER, r"CORP\iwds", 49, "the account is locked (49 … data 775)", NOON)


class RefusalContract:
    """A secret that was refused is known again, and nothing but a changed secret or a success ends that."""

    def test_nothing_stands_before_a_refusal(self, state: State) -> None:
        assert state.refused_bind("corp", [SERVER], r"CORP\iwds", SECRET) is None
        assert state.refused_binds() == []

    def test_the_same_secret_of_the_same_account_stays_refused_for_every_process(
        self, state: State, place: Place
    ) -> None:
        other = place.open()
        state.note_refused_bind(REFUSED, SECRET)
        assert other.refused_bind("corp", [OTHER_SERVER], r"corp\IWDS", SECRET) == REFUSED
        assert other.refused_binds() == [REFUSED]
        other.close()

    def test_another_secret_or_another_account_is_worth_a_try(self, state: State) -> None:
        state.note_refused_bind(REFUSED, SECRET)
        assert state.refused_bind("corp", [SERVER], r"CORP\iwds", b"another") is None
        assert state.refused_bind("corp", [SERVER], r"CORP\other", SECRET) is None

    def test_another_source_with_the_account_is_refused_at_the_same_server_alone(self, state: State) -> None:
        state.note_refused_bind(REFUSED, SECRET)
        assert state.refused_bind("guests", [OTHER_SERVER, SERVER], r"CORP\iwds", SECRET) == REFUSED
        assert state.refused_bind("guests", [OTHER_SERVER], r"CORP\iwds", SECRET) is None

    def test_refused_again_it_stands_since_the_first_time(self, state: State) -> None:
        later = replace(REFUSED, said="it is disabled", server=OTHER_SERVER, since=NOON + timedelta(days=1))
        state.note_refused_bind(REFUSED, SECRET)
        state.note_refused_bind(later, SECRET)
        assert state.refused_binds() == [replace(later, since=NOON)]
        state.note_refused_bind(later, b"another")
        assert state.refused_binds() == [later]

    def test_a_success_forgets_what_stood_against_the_account(self, state: State) -> None:
        guests = replace(REFUSED, source="guests")
        others = replace(REFUSED, source="others", account=r"CORP\other")
        far = replace(REFUSED, source="far", server=OTHER_SERVER)
        for each in (REFUSED, guests, others, far):
            state.note_refused_bind(each, SECRET)
        state.forget_refused_bind("corp", [SERVER], r"corp\iwds")
        assert state.refused_binds() == [far, others]
        state.forget_refused_bind("nobody", [], "")
        assert state.refused_binds() == [far, others]

    def test_the_secret_is_not_kept_and_two_rows_do_not_betray_that_it_is_the_same(self, state: Any) -> None:
        state.note_refused_bind(REFUSED, SECRET)
        state.note_refused_bind(replace(REFUSED, source="guests"), SECRET)
        with state._database.reading() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM refused_bind").all()
        assert len(rows) == 2
        assert rows[0].secret != rows[1].secret
        assert not any(SECRET in value for row in rows for value in row if isinstance(value, bytes))
        assert "7391" not in f"{rows}"

"""The rows of a batch by person: what goes together, and what contradicts."""

import pytest

from iwds.core.batch_people import BATCH_REALM, Wish, wishes
from iwds.core.batch_table import parse
from iwds.core.model import Account, Activation, Anchor, AtCreation, Role, Status

HEAD = "action,login,mail,role,groups,group role,activation,extra:k,reason\n"


def of(*rows: str) -> tuple[tuple[Wish, ...], list[str]]:
    table = parse(HEAD + "".join(f"{row}\n" for row in rows))
    assert not table.complaints
    people, complaints = wishes(table.rows)
    return people, [str(each) for each in complaints]


def one(*rows: str) -> Wish:
    (wish,), complaints = of(*rows)
    assert not complaints
    return wish


class TestRowsOfOnePerson:
    def test_become_one_wish_whatever_the_case_of_the_login(self) -> None:
        wish = one("add,ANN,,,wiki,manager,,,late", "create,Ann,a@x.org,1,vpn,,link,7,new", "add,ann,,,wiki,,,,late")
        assert (wish.login, wish.create, wish.delete, wish.status) == ("Ann", True, False, None)
        assert wish.account == Account(
            Anchor(BATCH_REALM, "ann"),
            "Ann",
            mail="a@x.org",
            role=Role.MANAGER,
            enabled=True,
            extra=(("k", "7"),),
            at_creation=AtCreation(Activation.LINK),
        )
        assert (wish.joins, wish.leaves) == ({"wiki": "manager", "vpn": ""}, frozenset())
        assert wish.because("staff.csv") == "batch staff.csv lines 2, 3, 4: late; new"

    def test_are_combined_where_each_says_another_thing(self) -> None:
        wish = one("update,ann,(clear),,,,,,", "lock,ann,,,,,,,", "remove,ann,,,vpn,,,,", "add,ann,,,wiki,,,,")
        assert (wish.fields, wish.status, wish.joins) == ({"mail": ""}, Status.LOCKED, {"wiki": ""})
        assert (wish.leaves, wish.account.mail) == (frozenset({"vpn"}), None)
        assert one("unlock,ann,,,,,,,").status is Status.ACTIVE
        assert one("delete,ann,,,,,,,", "delete,ann,,,,,,,").delete

    def test_say_their_line_without_a_reason(self) -> None:
        assert one("lock,ann,,,,,,,").because("f") == "batch f line 2"

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            (("create,ann,,,,,,,", "create,ann,,,,,,,"), "create here, create there"),
            (("create,ann,,,,,,,", "lock,ann,,,,,,,"), "lock here, create there"),
            (("add,ann,,,vpn,,,,", "delete,ann,,,,,,,"), "delete here, add there"),
            (("lock,ann,,,,,,,", "unlock,ann,,,,,,,"), "unlock here, lock there"),
            (("update,ann,a@x.org,,,,,,", "update,Ann,b@x.org,,,,,,"), "mail is another one there"),
            (("update,ann,,0,,,,,", "update,ann,,1,,,,,"), "role is another one there"),
            (("update,ann,,,,,,1,", "update,ann,,,,,,2,"), "extra k is another one there"),
            (("add,ann,,,vpn,,,,", "remove,ann,,,vpn,,,,"), "the place in vpn is another one there"),
            (("add,ann,,,vpn,user,,,", "add,ann,,,vpn,manager,,,"), "the role in vpn is another one there"),
        ],
    )
    def test_that_contradict_are_refused_with_both_lines(self, rows: tuple[str, str], words: str) -> None:
        _, complaints = of("lock,bob,,,,,,,", *rows)
        (complaint,) = complaints
        assert complaint.startswith("4: ")
        assert complaint.endswith(f": contradicts line 3: {words}")

    def test_may_say_the_same_twice(self) -> None:
        one("update,ann,a@x.org,,,,,,", "update,ann,a@x.org,1,,,,,")

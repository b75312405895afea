"""The facts of the service that a job works on."""

from tests.unit.core.made import world


def test_the_governed_groups_are_those_that_the_mapping_names_and_the_service_has() -> None:
    assert world().governed == {1, 2}


def test_a_group_that_the_service_does_not_have_is_left_out() -> None:
    assert world().group_ids(frozenset({"vpn", "nowhere"})) == {1}

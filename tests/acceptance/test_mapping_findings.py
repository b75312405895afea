"""What `iwds check` and `iwds plan` say of a mapping that can be read and still will not do what somebody meant."""

import re

from tests.acceptance.world import World


def test_a_group_that_is_missing_a_day_that_is_over_and_a_code_at_night(world: World) -> None:
    world.mapping("{to: vpn, group:", "{to: vnp, group:")
    world.mapping("- svc-backup", "- {login: svc-backup, until: 2020-02-29}")
    world.mapping("activation: inactive", "activation: code")

    check = " ".join(world.iwds("check", "company", code=78).out.split())
    assert 'NO mapping: the service has no group "vnp" (did you mean "vpn"?)' in check
    assert re.search(r"look mapping: `exclude` of svc-backup ended on 2020-02-29 \(sample-company.yaml:\d+\)", check)
    assert re.search(r"look mapping: new logins get `activation: code`, and schedule nightly runs this job", check)

    plan = " ".join(world.iwds("plan", "company", code=2).out.split())
    assert 'the service has no group vnp (did you mean "vpn"?)' in plan
    assert "`exclude` of svc-backup ended on 2020-02-29" in plan


def test_a_mapping_that_is_well_has_nothing_to_look_at(world: World) -> None:
    assert "look mapping" not in world.iwds("check", "company").out

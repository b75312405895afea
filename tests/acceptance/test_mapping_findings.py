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


def test_a_group_of_the_directory_that_nobody_is_in_is_told_by_the_check_as_by_the_first_plan(world: World) -> None:
    world.mapping("{to: wiki, group: wiki-users}", "{to: wiki, group: wiki-usres}")
    told = "nobody who was read is in a group of the directory that the mapping names: mfa-admins, wiki-usres"

    check = " ".join(world.iwds("check", "company").out.split())
    assert f"look mapping: {told} compare their names" in check
    assert told in " ".join(world.iwds("plan", "company", code=2).out.split())
    assert told not in " ".join(world.iwds("check", "company", "--source", "company").out.split())

    whole = (world.folder / "company.ldif").read_text(encoding="ascii")
    (world.folder / "company.ldif").write_text(whole.replace("# end of company", "# no end"), encoding="ascii")
    assert told not in " ".join(world.iwds("check", "company", code=78).out.split())


def test_a_mapping_that_fits_nobody_is_told_by_the_check(world: World) -> None:
    told = "people who were read nobody gets an account: "
    assert told not in " ".join(world.iwds("check", "company").out.split())
    world.mapping("scope:", "scope:\n  - {attribute: uid, equals: nobody}")

    check = " ".join(world.iwds("check", "company").out.split())
    assert re.search(rf"look mapping: of [\d,]+ {told}[\d,]+ out of scope", check)
    assert "iwds explain LOGIN" in check


def test_a_mapping_that_is_well_has_nothing_to_look_at(world: World) -> None:
    world.mapping("- when: {group: mfa-admins}", "- when: {group: mfa-managers}")  # of so few people none is in it
    world.mapping("{any: [{group: mfa-admins}, {group: mfa-managers}]}", "{group: mfa-managers}")
    assert "look mapping" not in " ".join(world.iwds("check", "company").out.split())

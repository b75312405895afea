"""A lost state: logins are recognised where that is sure, and are a case for a person where it is not."""

import re

from tests.acceptance.world import Ran, World

WHO = "kenji.mori"
REASON = ("--reason", "asked the office", "--ticket", "T-7")


def words(ran: Ran) -> str:
    return " ".join((ran.out + ran.err).split())


def begun(world: World) -> None:
    """Everybody has a login which stores their anchor, and then the state is lost."""
    world.mapping("login:\n", "store_anchor: iwds\nlogin:\n")
    world.iwds("run", "company")
    for file in world.folder.glob("iwds.db*"):
        file.unlink()


def steps(world: World) -> dict[str, set[str]]:
    """The steps of a plan by login."""
    made: dict[str, set[str]] = {}
    for change in world.iwds("plan", "company", "--json", code=2).json["changes"]:
        made.setdefault(change["subject"]["login"], set()).add(change["do"])
    return made


def test_every_login_is_recognised_by_the_anchor_it_stores_whatever_its_person_is_called_now(world: World) -> None:
    begun(world)
    world.company.change(WHO, f"uid: {WHO}\n", "uid: k.mori\n")
    world.save()
    planned = world.iwds("plan", "company", "--json", code=2).json
    adopted = [change for change in planned["changes"] if change["do"] == "adopt"]
    before = [skip for skip in planned["skips"] if skip["reason"] == "foreign"]  # made in the console
    assert len(adopted) == planned["basis"]["tally"]["logins"] - len(before)
    (renamed,) = [change for change in adopted if change["subject"]["login"] == WHO]
    assert "it stores this person's anchor" in renamed["because"]
    assert not [change for change in planned["changes"] if change["do"] == "create"]
    world.iwds("run", "company")
    assert world.iwds("login", "show", WHO, "--json").json["ledger"]["origin"] == "adopted"
    assert "iwds match" not in words(world.iwds("match", "company"))


def test_whoever_is_called_like_a_leaver_gets_their_login_only_where_somebody_says_so(world: World) -> None:
    begun(world)
    record = next(each for each in world.company.records if f"\nuid: {WHO}\n" in each)
    (uuid,) = re.findall(r"entryUUID: (\S+)", record)
    another = "00000000" + uuid[8:]
    world.company.change(WHO, uuid, another)
    world.save()
    assert WHO not in steps(world)
    assert f"ambiguous: {WHO}" in words(world.iwds("plan", "company", code=2))

    shown = world.iwds("match", "company")
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "last login never" in words(shown)
    (case,) = world.iwds("match", "company", "--json").json["ambiguous"]
    assert (case["login"]["login"], case["login"]["mail"]) == (WHO, f"{WHO}@corp.example")
    (person,) = case["people"]
    assert (person["anchor"]["id"], person["name"].partition(",")[0]) == (another, f"uid={WHO}")
    assert person["why"] == "the login stores the anchor of somebody else"

    world.iwds("match", "company", WHO, "--person", WHO, code=64)
    world.iwds("match", "company", WHO, *REASON, code=64)
    world.iwds("match", "company", "--nobody", code=64)
    world.iwds("match", "company", WHO, "--person", "nobody.such", *REASON, code=64)
    assert f"{WHO} is that of {WHO}" in words(world.iwds("match", "company", WHO, "--person", another, *REASON))
    (adopt,) = [
        change
        for change in world.iwds("plan", "company", "--json", code=2).json["changes"]
        if change["do"] == "adopt" and change["subject"]["login"] == WHO
    ]
    assert re.search(r"matched by \S+ on \d{4}-\d\d-\d\d: asked the office", adopt["because"])
    assert "asked the office" in words(world.iwds("match", "company"))

    number = f"#{case['login']['id']}"
    assert "Forgotten" in words(world.iwds("match", "company", number, "--undo", *REASON))
    assert "Nothing was said" in words(world.iwds("match", "company", number, "--undo", *REASON))
    assert WHO not in steps(world)
    assert f"{WHO} is that of {WHO}" in words(
        world.iwds("match", "company", number, "--person", person["name"].upper(), *REASON)
    )
    replaced = words(world.iwds("match", "company", number, "--nobody", *REASON))
    assert re.search(rf"This replaces: that of \S*{another}\S*, matched by \S+ on \S+: asked the office", replaced)
    assert "left alone" in words(world.iwds("match", "company"))
    assert WHO not in steps(world)  # the name is the other login's

    replaced = words(world.iwds("match", "company", WHO, "--person", WHO, *REASON))
    assert "This replaces: nobody's, left alone by " in replaced
    world.iwds("run", "company")
    held = world.iwds("login", "show", WHO, "--json").json
    assert held["ledger"]["entry"] == another
    assert another in held["login"]["extra"]
    told = [(each["action"], each["ticket"]) for each in world.iwds("audit", WHO, "--json").json["audit"]]
    assert told == [(action, "T-7") for action in ("match", "match", "match", "unmatch", "match")]
    assert world.iwds("plan", "company", "--json").json["changes"] == []

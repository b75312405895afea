"""The sample company is what the demo and the documentation say it is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iwds.cli.golden import bench, from_file, golden_people
from iwds.core.dn import normalise_dn
from iwds.core.model import Absent, Account, Anchor, Entry, Role, Unmapped, fold
from iwds.core.normal import normalise
from iwds.demo import company as demo
from iwds.demo.ldif import Record, parse, render
from iwds.mapping import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING = Path(__file__).parents[3] / "mappings" / "sample-company.yaml"
GOLDEN = Path(__file__).parents[3] / "golden" / "sample-company.yaml"
RULES = load(MAPPING)


def entries(records: Sequence[Record]) -> Iterator[Entry]:
    """People as a source would read them, nested groups unfolded."""
    parents: dict[str, set[str]] = {}
    for record in records:
        for member in record.attributes.get("member", ()):
            parents.setdefault(normalise_dn(member), set()).add(normalise_dn(record.dn))
    for record in records:
        if "uid" in record.attributes:
            read = {name.lower(): values for name, values in record.attributes.items()}
            attributes = {name: read.get(name, ()) for name in RULES.attributes}
            groups, unseen = set[str](), [normalise_dn(record.dn)]
            while unseen:
                new = parents.get(unseen.pop(), set()) - groups
                groups |= new
                unseen += new
            yield Entry(Anchor("corp", read["entryuuid"][0]), record.dn, attributes, frozenset(groups))


def mapped(records: Sequence[Record]) -> dict[str, Account | Unmapped]:
    made = [RULES.map(entry, NOW) for entry in entries(records)]
    checked = [normalise(each, "") if isinstance(each, Account) else each for each in made]
    return {each.anchor.id: each for each in checked}


def accounts(records: Sequence[Record]) -> list[Account]:
    return [each for each in mapped(records).values() if isinstance(each, Account)]


COMPANY = demo.company()


def test_the_shipped_file_is_what_the_generator_makes(tmp_path: Path) -> None:
    demo.write_company(COMPANY, tmp_path / "company.ldif")

    assert (tmp_path / "company.ldif").read_bytes() == demo.SHIPPED.read_bytes()
    assert demo.read_company() == COMPANY


def test_the_last_line_of_the_file_counts_its_entries() -> None:
    lines = demo.SHIPPED.read_text(encoding="ascii").splitlines()

    assert lines[-1] == f"# end of company: {len(COMPANY)} entries"
    assert sum(line.startswith("dn:") for line in lines) == len(COMPANY) == 1237


def test_every_entry_has_an_id_of_its_own_and_every_member_exists() -> None:
    for records in (COMPANY, demo.a_day(COMPANY), demo.a_bad_day(COMPANY)):
        known = {record.dn for record in records}
        assert len(known) == len({fold(record.dn) for record in records}) == len(records)
        assert len({record.attributes["entryUUID"] for record in records}) == len(records)
        for record in records:
            members = record.attributes.get("member", (record.dn,))
            assert members, record.dn
            assert known.issuperset(members)
            assert len(set(members)) == len(members)


def test_the_company_holds_what_real_directories_hold() -> None:
    made = mapped(COMPANY).values()
    reasons = Counter(each.reason for each in made if isinstance(each, Unmapped))
    real = [each for each in made if isinstance(each, Account)]
    logins = Counter(fold(each.login) for each in real)

    assert reasons == {Absent.OUT_OF_SCOPE: 42, Absent.EXCLUDED: 3, Absent.INVALID: 1}
    assert [each.login for each in made if isinstance(each, Unmapped) and each.reason is Absent.INVALID] == ["o'neill"]
    assert Counter(each.enabled for each in real) == {True: 1117, False: 42}
    assert [login for login, count in logins.items() if count > 1] == ["j.smith"]
    assert [each.login for each in real if not each.mail] == ["marcel.petit"]
    assert Counter(each.role for each in real) == {Role.USER: 1151, Role.MANAGER: 5, Role.ADMINISTRATOR: 3}
    assert Counter(group for each in real for group in each.groups or ()) == {
        "mail": 1159,
        "vpn": 395,
        "wiki": 216,
        "finance": 119,
        "admins-portal": 8,
    }


def test_names_come_in_many_scripts_and_composed() -> None:
    letters = "".join(f"{each.firstname}{each.name}" for each in accounts(COMPANY))

    for letter in "éßłığễαвח王さ김पใ":
        assert letter in letters, letter
    assert "م" in letters
    by_login = {each.login: each for each in accounts(COMPANY)}
    assert (by_login["zoe.noel"].firstname, by_login["zoe.noel"].name) == ("Zoë", "Noël")
    assert by_login["lea.dangelo"].name == "D'Angelo"


def test_a_day_brings_one_of_each_and_nothing_else() -> None:
    before, after = mapped(COMPANY), mapped(demo.a_day(COMPANY))
    changes = {key: (before.get(key), after.get(key)) for key in before | after if before.get(key) != after.get(key)}
    told = {(old.login if old else None, new.login if new else None): (old, new) for old, new in changes.values()}

    assert set(told) == {
        (None, "amara.okafor"),
        ("tomas.novak", None),
        ("ines.garcia", "ines.garcia"),
        ("claire.martin", "claire.dubois"),
        ("kenji.mori", "kenji.mori"),
    }
    _, joiner = told[None, "amara.okafor"]
    old, new = told["ines.garcia", "ines.garcia"]
    _, promoted = told["kenji.mori", "kenji.mori"]
    assert isinstance(joiner, Account)
    assert isinstance(old, Account)
    assert isinstance(new, Account)
    assert isinstance(promoted, Account)
    assert joiner.groups == frozenset({"mail", "vpn"})
    assert (old.groups, new.groups) == (frozenset({"mail", "finance"}), frozenset({"mail", "wiki"}))
    assert promoted.role is Role.MANAGER


def test_on_a_bad_day_half_of_the_people_are_gone() -> None:
    whole, half = len(accounts(COMPANY)), len(accounts(demo.a_bad_day(COMPANY)))

    assert whole * 0.48 < half < whole * 0.52


def test_a_day_can_be_written_and_read_back(tmp_path: Path) -> None:
    day = demo.a_day(COMPANY)

    demo.write_company(day, tmp_path / "day.ldif")

    assert demo.read_company(tmp_path / "day.ldif") == day
    assert (tmp_path / "day.ldif").read_text().endswith(f"\n# end of company: {len(day)} entries\n")


def test_values_that_ldif_cannot_hold_as_they_are_are_encoded() -> None:
    record = Record("cn= é,dc=x", {"cn": (" a", "b ", ":c", "<d", "e\nf", "", "g" * 200), "sn": ("plain: value",)})

    text = render([record])

    assert parse(f"# a comment\n\n{text}# the end\n") == (record,)
    assert text.isascii()
    assert max(map(len, text.splitlines())) == 76


@pytest.mark.parametrize("records", [demo.company(), demo.a_day(demo.company())], ids=["at first", "a day later"])
def test_the_golden_people_are_well_before_and_after_the_demo(records: Sequence[Record], tmp_path: Path) -> None:
    file, tried = tmp_path / "company.ldif", bench(MAPPING)
    demo.write_company(records, file)
    people = golden_people(GOLDEN, tried, lambda _: from_file(file, tried.rules.attributes))

    assert len(people) > 3
    assert [(each.name, miss) for each in people for miss in each.misses] == []

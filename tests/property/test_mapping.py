"""What a mapping may never do, for any person: remove on doubt, or follow the order of an answer."""

import random
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.model import Absent, Account, Anchor, Entry, Unmapped
from iwds.mapping import Document, compile_mapping
from iwds.yamlmarks import parse, validate

NOW = datetime(2024, 3, 10, tzinfo=UTC)

_MARKED = parse(
    """
scope:
  - {under: "ou=people,dc=x"}
  - any: [{group: staff}, {attribute: kind, in: [a, b]}, {not: {attribute: flags, flag: 2}}]
login: {first: [uid, mail], trim: true, lower: true}
firstname: {from: given, map: {a: A, b: B}}
name: {first: [sn, given], default: none}
mail: {from: mail, prefix: "x-"}
phone: {first: [mobile, {from: sn, upper: true}]}
language: {from: kind, map: {a: fr}, default: en}
role:
  default: user
  rules:
    - {when: {group: admins}, role: administrator}
    - {when: {all: [{group: staff}, {attribute: kind, equals: b}]}, role: manager}
enabled: openldap
groups:
  - {to: vpn, group: "cn=staff,dc=x"}
  - {to: vpn, when: {attribute: flags, flag: 1}}
  - {to: wiki, when: {not: {group: admins}}}
extra: {one: sn, two: {from: kind, default: d}}
exclude: [b, "uid=c,ou=people,dc=x"]
""",
    "m.yaml",
)
RULES = compile_mapping(validate(Document, _MARKED.data, _MARKED.where), _MARKED.where)

words = st.sampled_from(["", " ", "a", "b", "A", "é", "1", "2", "3", "000001010000Z"])
attributes = st.fixed_dictionaries(
    {name: st.lists(words, max_size=3, unique=True).map(tuple) for name in sorted(RULES.attributes)}
)
groups = st.frozensets(st.sampled_from(["staff", "admins", "cn=staff,dc=x", "cn=admins,ou=g,dc=x", "other"]))
names = st.sampled_from(["uid=a,ou=people,dc=x", "UID=C,OU=People,DC=x", "uid=a,ou=gone,dc=x"])
people = st.builds(Entry, st.just(Anchor("corp", "1")), names, attributes, groups)


@given(people, st.data())
def test_what_is_not_known_never_takes_anything_away(entry: Entry, data: st.DataObject) -> None:
    """Hiding attributes or groups from a reading may only make less governed, never something smaller."""
    hidden = data.draw(st.sets(st.sampled_from(sorted(RULES.attributes))))
    groups_hidden = data.draw(st.booleans())
    seen = Entry(
        entry.anchor,
        entry.name,
        {name: values for name, values in entry.attrs.items() if name not in hidden},
        None if groups_hidden else entry.groups,
    )

    whole, part = RULES.map(entry, NOW), RULES.map(seen, NOW)

    if isinstance(part, Unmapped):
        # whoever loses the account on a partial view has none on the whole view either, or keeps what they have
        assert part.reason in (Absent.INVALID, getattr(whole, "reason", Absent.INVALID))
    else:
        assert isinstance(whole, Account)
        assert part.login == whole.login
        for field in ("firstname", "name", "mail", "phone", "role", "enabled", "groups"):
            assert getattr(part, field) in (None, getattr(whole, field)), field
        assert set(part.extra) <= set(whole.extra)


@given(people, st.randoms(use_true_random=False))
def test_the_order_of_an_answer_changes_nothing(entry: Entry, chance: random.Random) -> None:
    def shuffled(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(chance.sample(values, len(values)))

    items = [(name, shuffled(values)) for name, values in entry.attrs.items()]
    other = Entry(entry.anchor, entry.name, dict(chance.sample(items, len(items))), entry.groups)

    assert RULES.map(other, NOW) == RULES.map(entry, NOW)


@given(people, st.dictionaries(st.sampled_from(["zzz", "title", "o"]), st.just(("x",))))
def test_attributes_that_the_rules_do_not_name_change_nothing(entry: Entry, more: dict[str, tuple[str, ...]]) -> None:
    other = Entry(entry.anchor, entry.name, {**entry.attrs, **more}, entry.groups)

    assert RULES.map(other, NOW) == RULES.map(entry, NOW)

"""What expressions, patterns and steps may never do, whatever a directory holds: raise, guess, or change a text."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from iwds.core.model import Absent, Account, Anchor, Entry, Unmapped
from iwds.errors import ConfigurationError
from iwds.mapping import Document, compile_mapping
from iwds.mapping.patterns import compiled
from iwds.yamlmarks import parse, validate

NOW = datetime(2024, 3, 10, tzinfo=UTC)
_MARKED = parse(
    """
scope:
  - {attribute: start, before: now+1d}
  - any: [{group: {matches: "^st"}}, {attribute: kind, matches: "^(a+)+$"}, {expr: 'member["VPN"] || entry.kind == ""'}]
login: {first: [uid, {expr: entry.mail.lower()}], transliterate: {ä: ae}, regex: {find: "[^a-z0-9]+", replace: "."}}
firstname: {expr: 'entry.given + " " + all.given.join(",")'}
name: {from: given, match: "(.*)", split: {by: " ", take: -1}, substring: {from: -3}, max_length: 2}
mail: {expr: 'all.mail.filter(m, m.contains("@"))[0]'}
phone: {from: phone, phone: FR}
enabled: {when: {expr: 'entry.end == "" || moment(entry.end) > now'}}
groups: [{to: vpn, group: {matches: "cn=st"}}, {to: wiki, when: {expr: '"x" in all.mail'}}]
extra: {one: {from: end, date: {from: generalized}}, two: {from: given, join: "+", default: none}}
""",
    "m.yaml",
)
RULES = compile_mapping(validate(Document, _MARKED.data, _MARKED.where), _MARKED.where)

anything = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["a@x", "0612345678", "+33612345678", "20240101000000Z", "133484544000000000", "0", "007", "\ud800"]
    ),
    st.text(alphabet="aä @.+-\u0301\U0001f600", max_size=2000),
)
values = st.lists(anything, max_size=3, unique=True).map(tuple)
attributes = st.fixed_dictionaries(dict.fromkeys(sorted(RULES.attributes), values))
groups = st.frozensets(st.sampled_from(["staff", "cn=staff,dc=x", "cn=vpn,dc=x", "other", "\udfff"]))
people = st.builds(Entry, st.just(Anchor("corp", "1")), st.sampled_from(["uid=a,dc=x", "f.csv:1"]), attributes, groups)


@given(people)
def test_no_value_of_a_directory_makes_a_mapping_raise(entry: Entry) -> None:
    RULES.named(entry.groups or frozenset())

    mapped = RULES.map(entry, NOW)

    assert isinstance(mapped, Account | Unmapped)
    assert not isinstance(mapped, Unmapped) or mapped.detail


@given(people, st.data())
def test_what_is_not_known_never_becomes_empty_or_another_text(entry: Entry, data: st.DataObject) -> None:
    hidden = data.draw(st.sets(st.sampled_from(sorted(RULES.attributes))))
    seen = replace(
        entry,
        attrs={name: texts for name, texts in entry.attrs.items() if name not in hidden},
        groups=None if data.draw(st.booleans()) else entry.groups,
        unread=data.draw(st.sampled_from([frozenset[str](), RULES.reads_groups])),
    )

    whole, part = RULES.map(entry, NOW), RULES.map(seen, NOW)

    if isinstance(part, Unmapped):
        assert part.reason is Absent.INVALID or (isinstance(whole, Unmapped) and whole.reason is not Absent.EXCLUDED)
    elif isinstance(whole, Account):
        for field in ("login", "firstname", "name", "mail", "phone", "enabled", "groups"):
            assert getattr(part, field) in (None, getattr(whole, field)), field
        assert set(part.extra) <= set(whole.extra)


_SAME = parse('login: uid\nfirstname: {expr: entry.a}\nname: {expr: "true ? all.a[0] : dn"}\nmail: a\n', "m.yaml")
_COPIES = compile_mapping(validate(Document, _SAME.data, _SAME.where), _SAME.where)


@given(
    st.one_of(
        st.from_regex(r"\+?0?[0-9]{1,12}(\.0|e5)?", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    )
)
def test_a_text_that_looks_like_a_number_stays_the_text_that_it_is(text: str) -> None:
    account = _COPIES.map(Entry(Anchor("corp", "1"), "uid=a,dc=x", {"uid": ("a",), "a": (text,)}), NOW)

    assert isinstance(account, Account)
    assert account.firstname == account.name == account.mail == text


@given(st.text(alphabet=r"ab(|)*+?{9}[]^$\.", max_size=40), st.text(alphabet="ab", max_size=5000))
def test_any_pattern_is_refused_or_ends(pattern: str, text: str) -> None:
    with suppress(ValueError):
        compiled(pattern).search(text)


_PARTS = ["entry.a", "all.a", "groups", "dn", "now", '"x"', "1", "x", "(", ")", "[", "]", ",", "+", " ", "?", ":", "=="]
_CALLS = [".map(x,", ".filter(x,", ".exists(x,", ".join(", ".split(", ".replace(", ".matches(", ".lower()", "moment("]
_TEXTS = ["entry.a", "dn", '"x"', "all.a.join(", 'groups.map(x, x + "y").join(', "x", "(entry.a + dn)", "all.a[0]"]
_MORE = [".lower()", ".upper()", ".trim()", '.split("a")[1]', ".substring(1)", '.replace("a", "bb")', ' + "x"', '"-")']
sources = st.one_of(
    st.lists(st.sampled_from([*_PARTS, *_CALLS]), max_size=40).map("".join),
    st.builds("{}{}".format, st.sampled_from(_TEXTS), st.lists(st.sampled_from(_MORE), max_size=9).map("".join)),
)


@given(sources, anything, people)
def test_any_expression_is_refused_or_ends_with_a_text_or_a_reason(source: str, text: str, entry: Entry) -> None:
    with suppress(ConfigurationError):
        document = validate(Document, {"login": {"value": "a"}, "name": {"expr": source}}, _MARKED.where)
        mapped = compile_mapping(document, _MARKED.where).map(replace(entry, attrs={"a": (text,)}), NOW)

        assert isinstance(mapped, Account | Unmapped)
        assert isinstance(mapped, Unmapped) or mapped.name is None or isinstance(mapped.name, str)

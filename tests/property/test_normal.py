"""What the service can hold, for any text that a directory may hold."""

from hypothesis import example, given
from hypothesis import strategies as st

from iwds.core.model import Account, Anchor, AtCreation, Unmapped
from iwds.core.normal import merge_extra, normalise, parse_extra, plain, render_extra

# Letters of several scripts, marks, joiners, typographic signs and controls, close enough together to meet.
odd = st.sampled_from(
    "abé'’`´-‐ \u00a0\u0301\u0308\u200d\u200c\u1fef\u1ffd\u00adκि\u093fא王@.\\\x00\n\ud800\u202e\U0001d15e"
)
texts = st.text(alphabet=st.one_of(odd, st.characters()), max_size=12)
keys = st.text(alphabet="abc.é_-", min_size=1, max_size=3)
pairs = st.dictionaries(keys, texts, max_size=4).map(lambda fields: tuple(fields.items()))
given_once = st.builds(AtCreation, language=st.sampled_from(["en", "fr", "de"]), login2=texts, login3=texts)
accounts = st.builds(
    Account,
    anchor=st.just(Anchor("corp", "1")),
    login=st.one_of(texts, st.sampled_from(["jdoe", " j.doe "])),
    firstname=st.none() | texts,
    name=st.none() | texts,
    mail=st.none() | texts | st.just("a@b"),
    phone=st.none() | texts,
    extra=pairs,
    at_creation=st.just(AtCreation()) | given_once,
)


@given(accounts)
def test_normalising_twice_changes_nothing_more(account: Account) -> None:
    once = normalise(account, "uid=jdoe")

    if isinstance(once, Account):
        assert normalise(once, "uid=jdoe") is once


@given(texts)
@example("e\u200d\u0301")
@example("\u1fef")
@example("a\u00ad\u0301")
def test_plain_text_is_plain(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(accounts)
def test_a_refusal_can_be_shown_on_a_terminal(account: Account) -> None:
    unmapped = normalise(account, "uid=jdoe")

    if isinstance(unmapped, Unmapped):
        assert unmapped.detail.isprintable()
        assert unmapped.login.isprintable()
        unmapped.detail.encode()


@given(accounts)
def test_fields_that_are_not_governed_stay_so(account: Account) -> None:
    made = normalise(account, "uid=jdoe")

    if isinstance(made, Account):
        for field in ("firstname", "name", "mail", "phone"):
            assert (getattr(made, field) is None) == (getattr(account, field) is None)


values = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"]), max_size=6)
fields = st.dictionaries(keys, values, max_size=5)


@given(fields, fields)
def test_merging_keeps_foreign_keys_in_their_order_and_does_what_is_wanted(
    there: dict[str, str], wanted: dict[str, str]
) -> None:
    raw = render_extra(tuple(there.items()))

    merged = merge_extra(raw, tuple(wanted.items()))

    assert merged is not None
    after = parse_extra(merged)
    assert after is not None
    assert [item for item in after.items() if item[0] not in wanted] == [
        item for item in there.items() if item[0] not in wanted
    ]
    assert {key: after.get(key, "") for key in wanted} == wanted
    assert all(after[key] for key in after if key in wanted)
    assert merge_extra(merged, tuple(wanted.items())) == merged

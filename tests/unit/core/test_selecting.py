"""Whether one selection lies within another, and whom a filter selects, as far as that can be told from an entry."""

import pytest

from iwds.core.model import Anchor, Entry
from iwds.core.selecting import ANYBODY, Answer, Scope, Selection, implies, parse, selection_of
from iwds.errors import ConfigurationError

ANN = {
    "objectclass": ("top", "inetOrgPerson"), "uid": ("ann",), "cn": ("Ann  Lee",), "telephonenumber": ("+33 6 12",),
    "employeetype": ("Contractor",), "useraccountcontrol": ("514",), "manager": ("cn=Bob,dc=x",), "title": (),
    "whencreated": ("20250102030405Z",), "nickname": ("Annie",), "objectcategory": ("CN=Person,CN=Schema",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("(uid=ann)", True),
        ("(uid=ANN)", True),  # compared without case by every directory
        ("(uid=bob)", False),
        ("(userid=ann)", True),  # another name of the same attribute
        ("(cn=ann lee)", True),
        ("(cn=annlee)", False),
        ("(nickname=Annie)", True),
        ("(nickname=annie)", None),  # whether case counts is in the schema alone
        ("(nickname=bob)", False),
        ("(telephoneNumber=+33612)", None),
        ("(telephoneNumber=+33699)", False),
        ("(manager=cn=bob, dc=x)", None),
        ("(manager=cn=Bob,dc=x)", True),
        ("(title=*)", False),
        ("(title=boss)", False),
        ("(uid=*)", True),
        ("(uid=a*)", True),
        ("(uid=*n*)", True),
        ("(uid=b*)", False),
        ("(nickname=ann*)", None),
        ("(nickname=*x*)", False),
        ("(cn=Ann*Lee)", True),
        ("(missing=x)", None),  # was not read
        ("(!(missing=x))", None),
        ("(!(uid=ann))", False),
        ("(&(uid=ann)(missing=x))", None),
        ("(&(uid=bob)(missing=x))", False),
        ("(|(uid=ann)(missing=x))", True),
        ("(|(uid=bob)(missing=x))", None),
        ("(objectClass=inetorgperson)", True),
        ("(objectClass=person)", None),  # stands above one that the entry names
        ("(objectClass=*)", True),
        ("(objectCategory=person)", None),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", True),
        ("(userAccountControl:1.2.840.113556.1.4.803:=1)", None),
        ("(userAccountControl:1.2.840.113556.1.4.804:=3)", True),
        ("(userAccountControl:1.2.840.113556.1.4.1941:=2)", None),
        ("(uid:dn:=ann)", None),
        ("(uid~=an)", None),
        ("(whenCreated>=20240102030405Z)", True),
        ("(whenCreated<=20240102030405Z)", False),
        ("(whenCreated<=2024)", None),
        (r"(cn=Ann\20\20Lee)", True),
        (r"(nickname=\c3\a9)", False),
        (r"(nickname=\ff)", False),
        ("(uid;lang-fr=ann)", None),
    ],
)
def test_a_filter_is_answered_only_where_every_schema_gives_the_same_answer(text: str, answer: Answer) -> None:
    assert parse(text).holds(ANN) is answer


@pytest.mark.parametrize("text", ["uid=ann", "(uid=ann", "(&(uid=ann)", "(!(a=b)(c=d))", "(a=b)(c=d)", "(a)", "(a=(b)"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)
    with pytest.raises(ConfigurationError, match="Source staff"):
        selection_of(("dc=x",), "subtree", text, {}, "Source staff")


@pytest.mark.parametrize(
    ("narrow", "wide", "sure"),
    [
        ("(uid=a)", "(UID=a)", True),
        ("(&(objectClass=p)(l=x))", "(objectClass=p)", True),
        ("(objectClass=p)", "(&(objectClass=p)(l=x))", False),
        ("(&(a=1)(b=2)(c=3))", "(&(c=3)(a=1))", True),
        ("(a=1)", "(|(a=1)(b=2))", True),
        ("(|(a=1)(b=2))", "(a=1)", False),
        ("(c=1)", "(|(a=1)(b=2))", False),
        ("(|(a=1)(&(a=1)(b=2)))", "(a=1)", True),
        ("(a=1)", "(a=*)", True),
        ("(a>=1)", "(a=*)", True),
        ("(b=1)", "(a=*)", False),
        ("(!(a=1))", "(!(a=1))", True),
        ("(!(a=1))", "(!(a=2))", False),
        ("(a=1)", "(a=2)", False),
    ],
)
def test_one_filter_lies_within_another_only_where_that_is_sure(narrow: str, wide: str, sure: bool) -> None:
    assert implies(parse(narrow), parse(wide)) is sure


def selection(*bases: str, scope: Scope = "subtree", text: str = "(objectClass=p)", **rest: object) -> Selection:
    return selection_of(bases, scope, text, rest, "Source staff")


@pytest.mark.parametrize(
    ("narrow", "wide", "why"),
    [
        (selection("ou=a,dc=x"), selection("dc=x"), ""),
        (selection("dc=x"), selection("ou=a,dc=x"), "base reaches further"),
        (selection("ou=a,dc=x", "ou=b,dc=x"), selection("ou=a, DC=x", "ou=b,dc=x"), ""),
        (selection("dc=x", scope="one"), selection("dc=x"), ""),
        (selection("dc=x"), selection("dc=x", scope="one"), "base reaches further"),
        (selection("ou=a,dc=x", scope="base"), selection("dc=x", scope="one"), ""),
        (selection("ou=a,dc=x", scope="one"), selection("dc=x", scope="one"), "base reaches further"),
        (selection("dc=x", text="(&(objectClass=p)(l=x))"), selection("dc=x"), ""),
        (selection("dc=x", text="(l=x)"), selection("dc=x"), "filter may find people"),
        (selection("dc=x", id="a"), selection("dc=x", id="b"), "`id` of it is not what was read with"),
        (selection("dc=x", id="a", realm="r"), selection("dc=x"), "`id` and `realm` of it are not"),
    ],
)
def test_a_selection_lies_within_another_or_it_is_said_why_not(narrow: Selection, wide: Selection, why: str) -> None:
    found = narrow.within(wide)
    assert why in found
    assert bool(why) is bool(found)


def entry(name: str, **attrs: str) -> Entry:
    return Entry(Anchor("r", name), name, {key: (value,) for key, value in attrs.items()})


def test_of_those_who_were_read_only_what_is_new_is_asked() -> None:
    read = selection("dc=x")
    narrower = selection("ou=a,dc=x", text="(&(objectClass=p)(l=Rome))")
    selects = narrower.among(read)
    assert selects(entry("cn=ann,ou=a,dc=x", l="rome")) is True  # nobody needs to know the class any more
    assert selects(entry("cn=ann,ou=a,dc=x", l="Paris")) is False
    assert selects(entry("cn=ann,ou=b,dc=x", l="Rome")) is False
    assert selects(entry("cn=ann,ou=a,dc=x")) is None
    assert narrower.beyond(read).attributes == {"l"}
    assert read.among(read)(entry("cn=ann,dc=x")) is True
    assert narrower.among(ANYBODY)(entry("cn=ann,ou=a,dc=x", l="Rome")) is None
    assert selection("dc=x", scope="one").among(read)(entry("cn=ann,ou=a,dc=x")) is False
    assert selection("cn=ann,dc=x", scope="base").among(read)(entry("cn=Ann,dc=x")) is True

"""What is wrong with an expression is told in words of people who write mappings."""

import re
from datetime import UTC, datetime

import pytest

from iwds.core.model import Anchor, Entry
from iwds.mapping._cel import checked
from iwds.mapping._cel_words import failure_words, mistake_words
from iwds.mapping.expressions import Expressions
from iwds.mapping.person import Person, Unfit

NOW = datetime(2026, 11, 22, tzinfo=UTC)
JDOE = Entry(Anchor("a", "1"), "uid=jdoe,dc=y", {"uid": ("jdoe",), "mail": (), "d": ("2020",)}, frozenset())

MISTAKES = {
    "": "column 1: ends too early",
    "entry.uid +": "column 12: ends too early",
    "(entry.uid": 'column 11: ends too early: ")" is missing',
    "entry.uid == 'a' ? 'b'": 'column 23: ends too early: ":" is missing',
    "entry.": 'column 7: something is missing at "."',
    "entry.uid)": 'column 10: ")" cannot stand here',
    "'x' 'y'": 'column 5: "y" cannot stand here',
    "entry.uid # c": 'column 11: "#" cannot stand here',
    "uid": 'column 1: "uid" is not known: an attribute is entry.uid, and all.uid is every value of it',
    "a.b.c": 'column 4: "a" is not known: an attribute is entry.a, and all.a is every value of it',
    "foo(entry.uid)": 'column 4: there is no function "foo"',
    "entry.uid.lowr()": 'column 15: there is no function "lowr" (did you mean "lower"?)',
    "lower(entry.uid)": 'column 6: "lower" stands behind what it is about, as in entry.uid.lower(...)',
    "entry.uid.lower(1)": 'column 16: "lower" does not go with what stands before it or in its parentheses',
    "size(1)": 'column 5: "size" does not go with a whole number',
    "entry.uid + 1": 'column 11: "+" does not go with text and a whole number: string(...) makes text of a number',
    "entry.uid + null": 'column 11: "+" does not go with text and null',
    "entry.uid == 1": 'column 11: "==" does not go with text and a whole number: int(...) makes a whole number of text',
    "now > '2020'": 'column 5: ">" does not go with a moment and text: moment(...) makes a moment of text',
    "entry.uid in 'a'": 'column 11: "in" does not go with text and text: a list stands behind it,'
    ' as in entry.uid in ["ann", "bob"]',
    "!entry.uid": 'column 1: "!" does not go with text',
    "entry.uid[0]": "column 10: [...] takes one of a list; this is text",
    "entry.uid ? 'a' : 'b'": 'column 11: before "?" stands a question that is answered yes or no; this is text',
    "true ? 'a' : 1": 'column 6: both sides of ":" must be of one kind; these are text and a whole number',
    "entry.uid = 'a'": 'column 11: "=" is not known here: write ==',
    "true and true": 'column 6: "and" is not known here: write &&',
    "if x": 'column 1: "if" is not known here: a choice is QUESTION ? THIS : THAT',
    "return 1": 'column 1: "return" is not known here',
    "'abc": "column 1: here begins a text that does not end, or holds a \\ with a letter that means nothing behind it",
    "9" * 20: "column 1: this number is too large",
    "all.mail.filter(x, x.y)": 'column 21: nothing of text can be named behind a "."',
    "has(entry)": 'column 5: what is absent is the empty text here: compare with ""',
    "[[1]] + {'a': 1}": 'column 7: "+" does not go with a list and a table',
    "1": "must give text, and gives a whole number",
    "now": "must give text, and gives a moment",
    "[1]": "must give text, and gives a list",
}

FAILURES = {
    "all.mail[0]": "asks for one of a list that is empty; it read all.mail []",
    "entry.uid.split('x')[3]": 'asks for number 3 of a list of 1, counted from 0; it read entry.uid "jdoe"',
    "string(1/0)": "divides by zero; it read nothing",
    "string(int(entry.uid))": 'int(...) got a text that is no whole number; it read entry.uid "jdoe"',
    "string(double(entry.uid))": 'double(...) got a text that is no number; it read entry.uid "jdoe"',
    "string(bool(entry.uid))": 'bool(...) got a text that is neither true nor false; it read entry.uid "jdoe"',
    "string(timestamp(entry.d))": "timestamp(...) got a text that is no moment such as 2026-12-31T00:00:00Z; it read"
    ' entry.d "2020"',
    "string(duration(entry.d))": "duration(...) got a text that is no length of time such as 72h; it read"
    ' entry.d "2020"',
    "string(moment(entry.uid))": '"jdoe" is no moment such as 20261231120000Z; it read entry.uid "jdoe"',
    "entry.uid.charAt(9)": 'asks for a character behind the end of a text; it read entry.uid "jdoe"',
    "entry.uid.substring(3, 1)": 'takes a part of a text that ends before it begins; it read entry.uid "jdoe"',
    "entry.uid.substring(9)": 'takes a part of a text that is shorter; it read entry.uid "jdoe"',
    "entry.uid.substring(entry.uid.indexOf('x'))": "takes a part of a text from before its beginning: what was"
    ' looked for is not in it; it read entry.uid "jdoe"',
    "{'a': 'b'}[entry.uid]": 'has no line for "jdoe" in its table; it read entry.uid "jdoe"',
    "string(9223372036854775807 + 1)": "comes to more than a number or a moment can be; it read nothing",
    "string(now.getHours('Nowhere'))": "names a time zone that does not exist; it read now 2026-11-22 00:00:00+00:00",
    r"string(b'\xff')": "makes text of bytes that are none; it read nothing",
}


@pytest.mark.parametrize(("source", "told"), MISTAKES.items())
def test_a_mistake_in_an_expression_is_told_plainly(source: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        checked(source, "STRING")


@pytest.mark.parametrize(("source", "told"), FAILURES.items())
def test_an_expression_that_gives_nothing_for_somebody_says_why(source: str, told: str) -> None:
    read = Expressions().text(source, "login (m.yaml:4)", set())
    with pytest.raises(Unfit, match=f"^{re.escape('login (m.yaml:4): ' + told)}$"):
        read(Person(JDOE, NOW))


def test_what_the_library_says_and_we_do_not_know_is_kept_in_parentheses() -> None:
    assert mistake_words("a new complaint", "x", 1) == "is not understood (a new complaint)"
    assert failure_words("a new complaint") == "cannot be worked out (a new complaint)"

"""Java's properties: what `java.util.Properties.load` makes of a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.java.properties import Property, parse


def read(text: str) -> list[tuple[str, str, int]]:
    return [(each.key, each.value, each.line) for each in parse(text.encode("iso-8859-1"))]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("Truth = Beauty", "Truth", "Beauty"),
        (" Truth:Beauty", "Truth", "Beauty"),
        ("Truth                    :Beauty", "Truth", "Beauty"),
        ("Truth Beauty", "Truth", "Beauty"),
        ("Truth", "Truth", ""),
        ("a=b=c:d e", "a", "b=c:d e"),
        (r"a\=b\:\ c=d", "a=b: c", "d"),
        ("trailing = space  ", "trailing", "space  "),
        ("path=C\\:\\\\iwds\\\\mfa.p12", "path", "C:\\iwds\\mfa.p12"),
        ("name=Zo\xeb", "name", "Zo\xeb"),
        (r"name=\u00e9\u4e2d\ud83d\ude00", "name", "\xe9\u4e2d\U0001f600"),
        (r"a=tab\tnew\nline\q", "a", "tab\tnew\nlineq"),
        ("=nothing", "", "nothing"),
        ("a=1\\", "a", "1"),
    ],
)
def test_one_entry(text: str, key: str, value: str) -> None:
    assert read(text) == [(key, value, 1)]


def test_comments_and_blank_lines_are_none_and_every_entry_has_its_line() -> None:
    text = "# a=1\r\n\r\n  ! b=2\r\nfruits  apple, \\\r\n    banana, \\\r\n    pear\rlast=1\n"
    assert read(text) == [("fruits", "apple, banana, pear", 4), ("last", "1", 7)]


def test_a_comment_does_not_go_on_and_what_goes_on_may_look_like_one() -> None:
    assert read("# no \\\na=1\\\n#2\n") == [("a", "1#2", 2)]


def test_an_even_number_of_backslashes_ends_the_line() -> None:
    assert read("a=1\\\\\nb=2") == [("a", "1\\", 1), ("b", "2", 2)]


def test_a_key_that_comes_twice_is_given_twice() -> None:
    assert read("a=1\na=2") == [("a", "1", 1), ("a", "2", 2)]


def test_half_an_escape_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        read("a=1\nb=\\u12g4")


def test_no_value_is_ever_shown() -> None:
    assert "hunter2" not in repr(Property("password", "hunter2", 1))


def stored(text: str, *, key: bool) -> str:
    """As `java.util.Properties.store` writes it."""
    out = []
    for place, letter in enumerate(text):
        if letter in "\\=:#!" or (letter == " " and (key or place == 0)):
            out.append("\\" + letter)
        elif letter in "\t\n\r\f":
            out.append({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}[letter])
        elif " " <= letter <= "~":
            out.append(letter)
        else:
            utf16 = letter.encode("utf-16-be")
            out += [f"\\u{utf16[n : n + 2].hex()}" for n in range(0, len(utf16), 2)]
    return "".join(out)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_what_java_stores_is_read_as_it_was(entries: dict[str, str]) -> None:
    text = "#written\n" + "".join(f"{stored(k, key=True)}={stored(v, key=False)}\n" for k, v in entries.items())
    assert [(key, value) for key, value, _ in read(text)] == list(entries.items())


@given(st.binary().filter(lambda data: b"\\u" not in data))
def test_any_bytes_without_such_an_escape_are_read(data: bytes) -> None:
    assert all(1 <= each.line <= 1 + len(data) for each in parse(data))

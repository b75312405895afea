"""YAML with marks: every mistake finds its line, and no secret is told."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from iwds.errors import ConfigurationError
from iwds.yamlmarks import REPEATS, load, parse, validate


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ldap(Part):
    kind: Literal["ldap"] = "ldap"
    urls: list[str]
    timeout: int = 30
    password: SecretStr = SecretStr("")


class Ldif(Part):
    kind: Literal["ldif"]
    path: str


class Settings(Part):
    users: str = ""
    sources: dict[str, Annotated[Ldap | Ldif, Field(discriminator="kind")]] = {}
    backup: Ldap | None = None
    from_: str = Field("", alias="from")
    pair: tuple[int, int] = (0, 0)


def refusal(text: str) -> str:
    marked = parse(text, "c.yaml")
    with pytest.raises(ConfigurationError) as caught:
        validate(Settings, marked.data, marked.where)
    return str(caught.value)


def syntax(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "c.yaml")
    return str(caught.value)


def test_plain_data_has_the_types_of_yaml_1_2() -> None:
    marked = parse(
        'a: no\nb: 007\nc: 12:30\nd: 2024-01-01\ne: true\nf: -12\ng: 1.5\nh: ~\ni: "5"\nj: +336\nk:\n'
        "l: 1_000\nm: 0x1F\nn: 12345678901234567890\n",
        "c.yaml",
    )

    assert marked.data == {
        "a": "no",
        "b": "007",
        "c": "12:30",
        "d": "2024-01-01",
        "e": True,
        "f": -12,
        "g": 1.5,
        "h": None,
        "i": "5",
        "j": "+336",
        "k": None,
        "l": "1_000",
        "m": "0x1F",
        "n": "12345678901234567890",
    }


def test_where_finds_keys_items_and_the_deepest_part_that_exists() -> None:
    marked = parse("sources:\n  corp:\n    urls:\n      - one\n      - two\n", "c.yaml")

    assert marked.where(("sources", "corp", "urls", 1)) == ("c.yaml", 5)
    assert marked.where(("sources", "corp")) == ("c.yaml", 2)
    assert marked.where(("sources", "corp", "kind", "more")) == ("c.yaml", 2)
    assert marked.where(("sources", "corp", "urls", 7)) == ("c.yaml", 3)
    assert marked.where(("sources", "corp", "urls", "one")) == ("c.yaml", 3)
    assert marked.where(()) == ("c.yaml", 1)


def test_an_empty_file_holds_nothing() -> None:
    assert parse("# nothing\n", "c.yaml").data is None
    assert refusal("# nothing\n") == "c.yaml:1: must be keys and values"


def test_a_key_that_stands_twice_is_refused_with_its_line() -> None:
    assert syntax("a: 1\nb: 2\na: 3\n") == 'c.yaml:3: the key "a" stands here twice'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2\n", "c.yaml:2: "),
        ("a: b: c\n", "c.yaml:1: mapping values are not allowed here"),
        ("a: \x01\n", "c.yaml: holds a character that YAML does not allow"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2: but found another document"),
        ("? [a]\n: 1\n", "c.yaml:1: a key must be a word"),
        ("a:\n  yes: 1\n  true: 2\n", 'c.yaml:3: the key "true" must be text; put it in quotes'),
        ("a: !!python/object:os.system x\n", 'c.yaml:1: a word that begins with "!" is a tag'),
        ("a: !!set {b}\n", "c.yaml:1: tags are not understood here"),
        ("a: !!omap [b: c]\n", "c.yaml:1: tags are not understood here"),
        ("a: !!int many\n", 'c.yaml:1: a word that begins with "!" is a tag'),
        ("a: !!float many\n", 'c.yaml:1: a word that begins with "!" is a tag'),
        ("a: &a [*a]\n", "c.yaml:1: an alias refers to what contains it"),
        ("a: " + "[" * 600, "c.yaml: is nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_place(text: str, message: str) -> None:
    assert syntax(text).startswith(message)


def test_aliases_work_and_an_alias_bomb_does_not() -> None:
    assert parse("a: &x [1, 2]\nb: *x\n", "c.yaml").data == {"a": [1, 2], "b": [1, 2]}

    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    assert f"aliases repeat more than {REPEATS} values" in syntax(bomb)


@pytest.mark.parametrize("text", ["password: *hunter2\n", "password: !hunter2!x y\n", "password: !hunter2 y\n"])
def test_a_password_without_quotes_is_not_told(text: str) -> None:
    message = syntax(text)

    assert message.startswith("c.yaml:1: a word that begins with")
    assert "hunter2" not in message


def test_load_names_the_file_in_every_failure(tmp_path: Path) -> None:
    missing, binary, good = tmp_path / "missing.yaml", tmp_path / "binary.yaml", tmp_path / "good.yaml"
    binary.write_bytes(b"a: \xff\n")
    good.write_text("a: é\n", encoding="utf-8")

    assert load(good).data == {"a": "é"}
    with pytest.raises(ConfigurationError, match=r"missing\.yaml: cannot be read: No such file"):
        load(missing)
    with pytest.raises(ConfigurationError, match=r"binary\.yaml: is not UTF-8: byte 3"):
        load(str(binary))


def test_valid_data_becomes_the_model() -> None:
    marked = parse("sources:\n  corp: {kind: ldap, urls: [a]}\nfrom: x\n", "c.yaml")

    settings = validate(Settings, marked.data, marked.where)

    assert settings.from_ == "x"
    assert settings.sources["corp"] == Ldap(urls=["a"])


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    assert refusal("users: a\nusres: b\n") == 'c.yaml:2: unknown key "usres" (did you mean "users"?)'
    assert refusal("FROM_: b\n") == 'c.yaml:1: unknown key "FROM_" (did you mean "from"?)'
    assert refusal("zzz: b\n") == 'c.yaml:1: unknown key "zzz" (known: backup, from, pair, sources, users)'


def test_an_unknown_key_deep_in_a_union_is_compared_with_the_keys_that_may_stand_there() -> None:
    text = "sources:\n  corp:\n    kind: ldap\n    urls: [a]\n    timout: 3\n"

    assert refusal(text) == 'c.yaml:5: sources.corp: unknown key "timout" (did you mean "timeout"?)'
    assert refusal("backup:\n  url: [a]\n  urls: [b]\n") == (
        'c.yaml:2: backup: unknown key "url" (did you mean "urls"?)'
    )


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "users: 5\nsources:\n  corp:\n    kind: ldap\n    timeout: soon\nbackup: 7\npair: x\nusers2: 1\n"

    assert refusal(text).splitlines() == [
        "c.yaml:1: users: must be text; put it in quotes",
        'c.yaml:3: sources.corp: the key "urls" is missing',
        "c.yaml:5: sources.corp.timeout: must be a valid integer, unable to parse string as an integer",
        "c.yaml:6: backup: must be keys and values",
        "c.yaml:7: pair: must be a list",
        'c.yaml:8: unknown key "users2" (did you mean "users"?)',
    ]


def test_text_that_is_a_list_is_not_sent_to_look_for_quotes() -> None:
    assert refusal("users: [a]\n") == "c.yaml:1: users: must be text"


def test_a_problem_inside_a_list_has_the_line_of_its_item() -> None:
    text = "backup:\n  urls:\n    - a\n    - 5\n"

    assert refusal(text) == "c.yaml:4: backup.urls.1: must be text; put it in quotes"


def test_secrets_are_not_told() -> None:
    assert "hunter2" not in refusal("backup: {urls: [a], password: [hunter2], timeout: hunter2}\n")
    assert "hunter2" not in refusal("backup: {urls: [a], password:hunter2}\n")


def test_a_place_without_a_line_names_the_file_alone() -> None:
    with pytest.raises(ConfigurationError) as caught:
        validate(Settings, {"users": 1, "zzz": 2}, lambda path: ("environment", 0))

    first, second = str(caught.value).splitlines()
    assert first.startswith("environment: ")
    assert second.startswith("environment: ")

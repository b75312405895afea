"""Tables that lie beside a mapping: read with it, and part of what it is."""

import json
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iwds.core.model import Account, Anchor, Entry
from iwds.errors import ConfigurationError
from iwds.mapping import CompiledRules, again, load

NOW = datetime(2024, 3, 10, tzinfo=UTC)
JANE = Entry(Anchor("corp", "1"), "uid=jane,dc=x", {"uid": ("jane",), "dep": ("hr",), "code": ("007",)})


def rules(folder: Path, table: str = "HR,Human\n", name: str = "t.csv", key: str = "dep") -> CompiledRules:
    (folder / name).write_text(table)
    text = f"login: uid\nname: {{first: [{{from: {key}, table: {name}}}]}}\nextra: {{table: uid}}\n"
    (folder / "m.yaml").write_text(text)
    return load(folder / "m.yaml")


def name_of(compiled: CompiledRules) -> str | None:
    account = compiled.map(JANE, NOW)
    assert isinstance(account, Account)
    return account.name


@pytest.mark.parametrize(
    ("name", "table", "key", "text"),
    [
        ("t.csv", "HR,Human\n", "dep", "Human"),
        ("t.csv", '# a comment\n\nit,x\n hr , "Human, resources"\n', "dep", '"Human, resources"'),
        ("t.csv", '\ufeffhr,"Human, resources"\n', "dep", "Human, resources"),
        ("t.csv", "007,+33\n7,wrong\n", "code", "+33"),
        ("t.csv", "it,x\n", "dep", None),
        ("t.yaml", "HR: Human\n", "dep", "Human"),
        ("t.yaml", "'007': '+33'\n", "code", "+33"),
    ],
)
def test_a_table_is_looked_up_without_regard_to_case(
    tmp_path: Path, name: str, table: str, key: str, text: str | None
) -> None:
    if text == '"Human, resources"':
        with pytest.raises(ConfigurationError, match="has 3 columns"):
            rules(tmp_path, table, name, key)
    else:
        assert name_of(rules(tmp_path, table, name, key)) == text


def test_a_change_of_the_table_is_a_change_of_the_mapping(tmp_path: Path) -> None:
    before = rules(tmp_path)
    kept = json.loads(json.dumps(before.written))

    after = rules(tmp_path, "HR,People\n")

    assert after.digest != before.digest
    assert rules(tmp_path).digest == before.digest
    (tmp_path / "t.csv").unlink()
    assert again(kept).digest == before.digest
    assert (name_of(again(kept)), name_of(after)) == ("Human", "People")


@pytest.mark.parametrize(
    ("name", "table", "told"),
    [
        ("t.csv", "a,b\nc\n", "t.csv:2: has 1 column, where a table has two"),
        ("t.csv", "a,b\nx,y\nA,c\n", "t.csv:3: the key of this line stands on line 1 already"),
        ("t.csv", '"a,b\n', "t.csv:1: is no CSV: a quotation mark does not close"),
        ("t.csv", "".join(f"{n},x\n" for n in range(10_001)), "t.csv: a table has 10,000 rows at most"),
        ("t.csv", "x" * 1_000_001, "t.csv: a table has 1,000,000 bytes at most"),
        ("t.yaml", "- a\n", "t.yaml: must be keys and texts, one to a line"),
        (
            "t.yaml",
            "a: b\nc: 7\n",
            "t.yaml:2: what stands for the key of this line must be text (the table of name.first.0.table, ",
        ),
        ("t.yaml", "a: b\nc: d\na: e\n", "t.yaml:3: is no table: keys and texts, one to a line, each key once"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_file_and_line(
    tmp_path: Path, name: str, table: str, told: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rules(tmp_path, table, name)

    where = f"{Path(caught.value.file).name}:{caught.value.line}" if caught.value.line else Path(caught.value.file).name
    assert told in f"{where}: {caught.value.args[0].split(': ', 1)[-1]}"


@pytest.mark.parametrize("name", ["t.csv", "t.yaml"])
def test_a_table_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    rules(tmp_path, "a,b\n", "t.csv")
    (tmp_path / name).write_bytes("a: b\nkéy: c\n".encode("latin-1"))
    (tmp_path / "m.yaml").write_text(f"login: uid\n\nname: {{from: dep, table: {name}}}\n")

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "m.yaml")

    assert (Path(caught.value.file).name, caught.value.line) == (name, 2)
    assert (
        caught.value.message == f"{tmp_path / name}:2: is not UTF-8 (the table of name.table, {tmp_path / 'm.yaml'}:3)"
    )


@pytest.mark.parametrize("name", ["t.csv", "shadow"])
@pytest.mark.parametrize(
    "content",
    [
        "root:$6$hush:19000:0:99999:7:::\n",
        "root,hush,3\n",
        "hush: 1\nhush: 2\n",
        "hush: 1\n",
        "hush,1\nHUSH,2\n",
        '"hush"x,1\n',
        "a: *hush\n",
        "7hush: !hush x\n",
        "? [hush]\n: x\n",
        "hush\nhush\n",
        "{hush",
        "h\x00ush: y",
    ],
)
def test_no_error_about_a_table_shows_what_stands_in_it(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rules(tmp_path, content, name)

    told = "".join(traceback.format_exception(caught.value))
    assert "hush" not in told.lower()
    assert "name.first.0.table" in caught.value.message


def test_a_table_that_is_not_there_is_told_with_the_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("login: uid\nextra:\n  a: {from: b, table: no.csv}\n")

    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "m.yaml")

    assert caught.value.line == 3
    assert 'extra.a.table: the table "no.csv" cannot be read: No such file' in str(caught.value)


def test_the_words_of_a_table_for_the_language_must_be_languages(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,de\n")
    (tmp_path / "m.yaml").write_text("login: uid\nlanguage: {from: l, table: t.csv}\n")

    with pytest.raises(ConfigurationError, match="the service knows en and fr only"):
        load(tmp_path / "m.yaml")

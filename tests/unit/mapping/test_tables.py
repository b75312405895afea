"""Tables that lie beside a mapping: read with it, and part of what it is."""

import json
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
        ("t.csv", "a,b\nc\n", "t.csv:2: has 1 columns, where a table has two"),
        ("t.csv", "a,b\nx,y\nA,c\n", 't.csv:3: "A" stands on line 1 already'),
        ("t.csv", '"a,b\n', "t.csv: is no CSV file in UTF-8"),
        ("t.csv", "".join(f"{n},x\n" for n in range(10_001)), "t.csv: a table has 10,000 rows at most"),
        ("t.csv", "x" * 1_000_001, "t.csv: a table has 1,000,000 bytes at most"),
        ("t.yaml", "- a\n", "t.yaml: must be keys and texts, one to a line"),
        ("t.yaml", "a: b\nc: 7\n", 't.yaml:2: what stands for "c" must be text'),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_file_and_line(
    tmp_path: Path, name: str, table: str, told: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rules(tmp_path, table, name)

    where = f"{Path(caught.value.file).name}:{caught.value.line}" if caught.value.line else Path(caught.value.file).name
    assert told in f"{where}: {caught.value.args[0].split(': ', 1)[-1]}"


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

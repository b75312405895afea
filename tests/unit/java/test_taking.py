"""What is taken from the old tool's configuration, and that nothing of it is guessed or leaks."""

from pathlib import Path

import pytest
import yaml

from iwds.errors import UsageError
from iwds.java.taking import UNKNOWN, configuration, take


def old(folder: Path, text: str, name: str = "inwebo.properties") -> Path:
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / name).write_text(text, encoding="iso-8859-1")
    return folder


def test_the_documented_options_are_taken_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "mfa.p12").write_bytes(b"")
    text = (
        "#panel\nprovisioning_id=1\nDelay between two queries=50\nDelay\\ between\\ two\\ queries=250\n"
        "maximumQuerySize=80\ncertificate.path=mfa.p12\nactivate_group_synchronisation=true\n"
    )
    found = take(old(tmp_path, text))
    assert {each.setting: (each.value, each.where) for each in found.taken} == {
        "provisioning_id": ("1", "conf/inwebo.properties:2"),
        "delay_ms": ("250", "conf/inwebo.properties:4"),
        "page_size": ("80", "conf/inwebo.properties:5"),
        "certificate": (f'"{tmp_path.resolve() / "mfa.p12"}"', "conf/inwebo.properties:6"),
    }
    assert [each.key for each in found.left] == ["Delay", "activate_group_synchronisation"]
    made = yaml.safe_load(configuration(found, found.tag))
    assert made["targets"]["mfa"]["delay_ms"] == 250
    assert made["jobs"]["takeover"]["mode"] == "report"


@pytest.mark.parametrize("line", ["ldap.host=dc1", "ldap.port=636", "base=dc=corp", "bind_dn=cn=x", "provisioning=1"])
def test_what_is_not_documented_is_listed_with_its_line_and_without_its_value(tmp_path: Path, line: str) -> None:
    found = take(old(tmp_path, f"\n{line}\n"))
    assert found.taken == []
    (left,) = found.left
    key, _, value = line.partition("=")
    assert str(left) == f"conf/inwebo.properties:2  {key}: {UNKNOWN}"
    assert value not in configuration(found, None).partition("# Not taken")[2]


def test_a_documented_name_in_another_file_is_not_known(tmp_path: Path) -> None:
    found = take(old(tmp_path, "provisioning_id=1\n", "LDAP.PATH.properties"))
    assert (found.tag, found.left[0].why) == (None, UNKNOWN)


@pytest.mark.parametrize(
    "line",
    ["provisioning_id=0", "provisioning_id=one", "provisioning_id=-1", "provisioning_id=", "maximum query size=0",
     "maximumquerysize=500", "delaybetweentwoqueries=1.5", "certificatepath=C\\:\\\\iwds\\\\mfa.p12",
     "certificate_path=", "certificate_path=a\\u0000b"],
)  # fmt: skip
def test_a_value_that_is_not_certain_is_not_taken(tmp_path: Path, line: str) -> None:
    found = take(old(tmp_path, line))
    assert found.taken == []
    assert len(found.left) == 1


@pytest.mark.parametrize(
    "line",
    ["certificate_passphrase=hunter2", "ldap.password: hunter2", "any.key hunter2", "hunter2", "hunter2=",
     "x\\\nhunter2", "a=1\na=hunter2", "pa\\ ss=hunter2"],
)  # fmt: skip
def test_no_value_of_a_key_that_is_not_known_is_ever_told(tmp_path: Path, line: str) -> None:
    found = take(old(tmp_path, line))
    assert "hunter2" not in configuration(found, found.tag) + repr(found)


def test_of_a_key_that_comes_twice_the_last_one_counts(tmp_path: Path) -> None:
    found = take(old(tmp_path, "provisioning_id=1\nprovisioning_id=7\n"))
    assert found.tag == 7
    (left,) = found.left
    assert (
        str(left) == "conf/inwebo.properties:1  provisioning_id: not taken: line 2 says it again, and that one counts"
    )


def test_other_files_are_named_and_not_read(tmp_path: Path) -> None:
    old(tmp_path, "secret: hunter2", "mapping.xml")
    found = take(tmp_path)
    assert [str(each) for each in found.left] == [
        "conf/mapping.xml  not read: its format is not documented",
        "conf/inwebo.properties  is not there; no other file is documented",
    ]


def test_what_is_no_file_and_what_is_broken_is_listed_and_the_rest_is_taken(tmp_path: Path) -> None:
    old(tmp_path, "a=1\nb=hunter2\\u00\n", "log.properties")
    (tmp_path / "conf/ldap").mkdir()
    (tmp_path / "conf/gone.properties").symlink_to("/nowhere")
    found = take(old(tmp_path, "provisioning_id=7\n", "Inwebo.Properties"))
    assert found.tag == 7
    assert [str(each) for each in found.left] == [
        "conf/gone.properties  not read: it is no file",
        "conf/ldap  not read: it is no file",
        "conf/log.properties  not read: it is no .properties file: line 2: \\u without four hexadecimal digits",
    ]


def test_a_folder_without_conf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="conf cannot be read") as refused:
        take(tmp_path)
    assert "holds conf/" in refused.value.advice


@pytest.mark.parametrize(
    "key",
    ["provisioning\\n_id", "maximum\\u000aquery size", "certificate\\npath", "activate\\u0085group\0synchronisation"],
)
def test_no_key_breaks_the_configuration_that_is_written(tmp_path: Path, key: str) -> None:
    text = configuration(take(old(tmp_path, f"{key.replace(' ', chr(92) + ' ')}=\\n- x: 1\n")), None)
    assert text.replace("\n", "").isprintable()
    assert "- x" not in text
    assert set(yaml.safe_load(text)["targets"]["mfa"]) == {"kind", "url"}


def test_a_setting_that_two_keys_mean_is_taken_from_neither(tmp_path: Path) -> None:
    found = take(old(tmp_path, "provisioning_id=1\nprovisioning.id=7\nmaximumQuerySize=50\n"))
    assert [(each.setting, each.value) for each in found.taken] == [("page_size", "50")]
    assert [str(each) for each in found.left] == [
        f"conf/inwebo.properties:{line}  provisioning_id: not taken: several keys mean it; nobody knows which counts"
        for line in (1, 2)
    ]


def test_a_certificate_whose_name_no_file_of_ours_can_hold_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a\u0085b.p12").write_bytes(b"")
    assert take(old(tmp_path, "certificate_path=a\\u0085b.p12")).taken == []


class TestTheTag:
    def target(self, folder: Path, text: str, tag: int | None) -> tuple[object, object, str]:
        text = configuration(take(old(folder, text)), tag)
        made = yaml.safe_load(text)
        return made["targets"]["mfa"].get("provisioning_id"), made["jobs"]["takeover"].get("adopt"), text

    def test_of_the_old_tool_needs_no_adoption_of_another_origin(self, tmp_path: Path) -> None:
        assert self.target(tmp_path, "provisioning_id=1", 1)[:2] == (1, None)

    def test_another_one_adopts_those_of_the_old_tool(self, tmp_path: Path) -> None:
        assert self.target(tmp_path, "provisioning_id=1", 7)[:2] == (7, [1])

    def test_where_the_old_one_is_not_known_nothing_is_guessed(self, tmp_path: Path) -> None:
        tag, adopt, text = self.target(tmp_path, "", 7)
        assert (tag, adopt) == (7, None)
        assert "# adopt: [1]" in text
        assert self.target(tmp_path, "", None)[:2] == (None, None)

"""Custom roles in groups have their numbers in the target's settings, and their names in the mapping."""

from pathlib import Path

import pytest

from iwds import examples
from iwds.bootstrap import Wiring
from iwds.configuration import load
from iwds.errors import ConfigurationError


def written(folder: Path, roles: str, role: str = "auditor", more: str = "") -> Path:
    """The example configuration with custom roles, and a mapping that gives one of them on its last line."""
    text = examples.config().read_text(encoding="utf-8")
    text = text.replace("    service_id: 10408\n", f"    service_id: 10408\n    group_roles: {roles}\n", 1)
    text = text.replace("mapping: mappings/sample-company.yaml", f"mapping: mapping.yaml{more}")
    (folder / "mapping.yaml").write_text(f"login: uid\ngroups:\n- {{to: vpn, group: vpn, role: {role}}}\n")
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def digest(folder: Path, roles: str, role: str = "auditor") -> str:
    with Wiring(load(written(folder, roles, role))) as wiring:
        return wiring.job("company").digest


def test_a_mapping_may_use_the_roles_of_its_jobs_target(tmp_path: Path) -> None:
    file = written(tmp_path, "{auditor: 17}", more="\n    verify_roles_every_days: 7")
    with Wiring(load(file)) as wiring:
        job = wiring.job("company")
    assert job.target.group_roles == {"user": 0, "manager": 1, "administrator": 2, "auditor": 17}
    assert job.rules.group_roles == {"vpn": {"user", "auditor"}}
    assert job.verify_roles_every == 7


def test_a_role_that_the_target_does_not_know_is_told_with_file_line_and_the_nearest(tmp_path: Path) -> None:
    with Wiring(load(written(tmp_path, "{auditors: 17}"))) as wiring, pytest.raises(ConfigurationError) as caught:
        wiring.job("company")
    assert "mapping.yaml:3: " in str(caught.value)
    assert 'no role "auditor" (did you mean "auditors"?)' in str(caught.value)


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ("{Manager: 17}", "a role that every service knows, with the number 1"),
        ("{auditor: 2}", "2 is no custom role"),
        ("{auditor: -1}", "-1 is no custom role"),
        ("{auditor: 17, clerk: 17}", "two names stand for one number"),
        ("{auditor: high}", "group_roles.auditor"),
    ],
)
def test_a_wrong_number_is_told_with_its_line(tmp_path: Path, roles: str, words: str) -> None:
    with Wiring(load(written(tmp_path, roles))) as wiring, pytest.raises(ConfigurationError) as caught:
        wiring.job("company")
    assert words in str(caught.value)
    assert "config.yaml:" in str(caught.value)


def test_another_number_for_a_role_that_is_given_is_another_configuration(tmp_path: Path) -> None:
    assert digest(tmp_path, "{auditor: 17}") != digest(tmp_path, "{auditor: 18}")
    assert digest(tmp_path, "{auditor: 17}") == digest(tmp_path, "{auditor: 17, clerk: 18}")
    assert digest(tmp_path, "{}", "manager") == digest(tmp_path, "{clerk: 18}", "manager")

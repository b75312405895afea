"""The csv source keeps the contract, with groups in a column and in a second file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from iwds.core.model import Anchor
from iwds.ports import Source
from iwds.sources.csv import CsvSource, Settings, connect
from tests.contract.source_contract import SourceContract
from tests.servers.company import IDS

TEAMS = {"ada": "developers|staff|all", "björn": "staff|all", "chloé": "a, b", "dmitri": "", "eve": "staff|all"}
ROWS = f"""\
Key;UID;E-Mail;SN;Description;Teams
{IDS["ada"]};ada;ada@example.org / countess@example.org;Lovelace;;{TEAMS["ada"]}
{IDS["björn"]};björn;;Borg;;{TEAMS["björn"]}
{IDS["chloé"]};chloé;chloe@example.org;Déon;a long line that is folded by the export;"{TEAMS["chloé"]}"
{IDS["dmitri"]};dmitri;;Mendeleev;;
{IDS["eve"]};eve;;Evans;;{TEAMS["eve"]}
END;5
"""


class Csv(SourceContract):
    """The company as a table: whoever stands in it is somebody."""

    GROUPS: ClassVar[Mapping[str, frozenset[str]]] = {
        login: frozenset(team.replace(", ", ",") for team in teams.split("|") if team) for login, teams in TEAMS.items()
    }
    PEOPLE = tuple(TEAMS)

    @pytest.fixture
    def realm(self) -> str:
        return "hr"

    def groups(self, folder: Path) -> dict[str, object]:
        raise NotImplementedError

    @pytest.fixture
    def source(self, realm: str, tmp_path: Path) -> Iterator[CsvSource]:
        path = tmp_path / "company.csv"
        path.write_text(ROWS, encoding="utf-8")
        settings = Settings.model_validate(
            {
                "kind": "csv",
                "path": path,
                "realm": realm,
                "id": "key",
                "columns": {"mail": "e-mail"},
                "lists": {"mail": "/", "teams": "|"},
                "groups": self.groups(tmp_path),
                "complete": {"trailer": "END;{count}"},
            }
        )
        source = connect("hr", settings)
        yield source
        source.close()

    def test_whoever_left_the_branch_is_still_found(self, source: Source, realm: str) -> None:
        """There are no branches: each row is read and found."""
        people, _ = self.consume(source)

        assert source.find(Anchor(realm, IDS["eve"]), self.asked) == people["eve"]

    def test_somebody_is_called_by_file_and_line(self, source: Source, realm: str) -> None:
        ada = source.find(Anchor(realm, IDS["ada"]), ())

        assert ada is not None
        assert ada.name == "company.csv:2"


class TestColumn(Csv):
    """With groups in a column."""

    def groups(self, folder: Path) -> dict[str, object]:
        return {"column": "Teams"}


class TestMemberships(Csv):
    """With groups in a second file."""

    def groups(self, folder: Path) -> dict[str, object]:
        rows = [f'{IDS[who]};"{team}"' for who, teams in TEAMS.items() for team in teams.split("|") if team]
        (folder / "members.csv").write_text("\n".join(["Key;Team", *rows, ""]), encoding="utf-8")
        return {"path": folder / "members.csv", "group": "Team", "complete": {"count": len(rows)}}


del Csv

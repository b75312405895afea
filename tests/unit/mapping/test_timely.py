"""Of whom a mapping makes something else by time alone, and of whom it certainly does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from iwds.core.model import Anchor, Entry
from iwds.mapping import CompiledRules, load

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=25)
ENDS = NOW + timedelta(hours=3)
FILETIME = str(int((ENDS - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000)


def entry(**attributes: str) -> Entry:
    return Entry(Anchor("here", "1"), "cn=ada,dc=x", {"uid": ("ada",), **{k: (v,) for k, v in attributes.items()}})


@pytest.fixture
def rules(tmp_path: Path) -> Callable[[str], CompiledRules]:
    def make(text: str) -> CompiledRules:
        (tmp_path / "m.yaml").write_text("login: uid\n" + text, encoding="utf-8")
        return load(tmp_path / "m.yaml")

    return make


def about(found: datetime | None) -> bool:
    return found is not None and ENDS <= found <= ENDS + timedelta(minutes=1)


def counted(made: CompiledRules, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    times: list[Any] = []
    whole = CompiledRules.map

    def spied(self: CompiledRules, *given: Any) -> Any:
        times.append(given)
        return whole(self, *given)

    monkeypatch.setattr(CompiledRules, "map", spied)
    return times


class TestAnExpiry:
    @pytest.mark.parametrize(
        ("text", "attributes"),
        [
            ("enabled: {as: active-directory}\n", {"useraccountcontrol": "512", "accountexpires": FILETIME}),
            ("scope: [{attribute: ends, after: now}]\n", {"ends": f"{ENDS:%Y%m%d%H%M%SZ}"}),
            ("enabled: {when: {expr: 'now < timestamp(entry.ends)'}}\n", {"ends": f"{ENDS:%Y-%m-%dT%H:%M:%SZ}"}),
        ],
    )
    def test_is_known_to_a_minute(
        self, rules: Callable[[str], CompiledRules], text: str, attributes: dict[str, str]
    ) -> None:
        made = rules(text)
        assert about(made.due(entry(**attributes), NOW, UNTIL))
        assert made.due(entry(**attributes), ENDS + timedelta(hours=1), UNTIL) is None

    def test_that_is_none_costs_nothing(
        self, rules: Callable[[str], CompiledRules], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = rules("enabled: {as: active-directory}\n")
        times = counted(made, monkeypatch)
        for never in ("0", "9223372036854775807"):
            assert made.due(entry(useraccountcontrol="512", accountexpires=never), NOW, UNTIL) is None
        assert made.due(entry(useraccountcontrol="512"), NOW, UNTIL) is None
        assert not times


def test_a_mapping_without_time_costs_nothing(
    rules: Callable[[str], CompiledRules], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rules("name: sn\n")
    times = counted(made, monkeypatch)
    assert made.due(entry(sn="Lovelace", ends=FILETIME), NOW, UNTIL) is None
    assert not times


def test_an_expression_that_looks_at_the_present_alone_is_tried_for_everybody(
    rules: Callable[[str], CompiledRules],
) -> None:
    made = rules(f"enabled: {{when: {{expr: 'now < timestamp(\"{ENDS:%Y-%m-%dT%H:%M:%SZ}\")'}}}}\n")
    assert about(made.due(entry(), NOW, UNTIL))


def test_somebody_who_is_listed_until_a_day_is_due_when_it_is_over(rules: Callable[[str], CompiledRules]) -> None:
    made = rules("exclude: [{login: ada, until: 2026-11-22, reason: leave}]\n")
    over = datetime(2026, 11, 23, tzinfo=UTC)
    found = made.due(entry(), NOW, UNTIL)
    assert found is not None
    assert over <= found <= over + timedelta(minutes=1)
    assert made.due(entry(), over, UNTIL) is None
    assert made.due(entry(), NOW - timedelta(days=3), NOW - timedelta(days=2)) is None

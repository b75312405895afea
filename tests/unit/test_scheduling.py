"""Schedule files: weekdays are names, times are those on the clock on the wall, mistakes have a line."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iwds.errors import ConfigurationError
from iwds.scheduling.schedules import Schedule, load

SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def schedule(folder: Path, cron: str, zone: str = "UTC") -> Schedule:
    (folder / "one.yaml").write_text(f'job: staff\ncron: "{cron}"\ntimezone: {zone}\n', encoding="utf-8")
    (loaded,) = load(folder, ["staff"])
    return loaded


def fires(folder: Path, cron: str, after: datetime, count: int, zone: str = "UTC") -> list[str]:
    return [moment.strftime("%a %d %b %H:%M %z") for moment in schedule(folder, cron, zone).next_times(after, count)]


def refused(folder: Path, text: str) -> ConfigurationError:
    (folder / "one.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(folder, ["staff", "guests"])
    return caught.value


class TestWeekdays:
    @pytest.mark.parametrize(
        ("day", "name"),
        [("mon", "Mon"), ("tue", "Tue"), ("WED", "Wed"), ("thu", "Thu"), ("fri", "Fri"), ("sun", "Sun")],
    )
    def test_a_name_means_that_day(self, tmp_path: Path, day: str, name: str) -> None:
        (fire,) = fires(tmp_path, f"0 2 * * {day}", SUNDAY, 1)
        assert fire.startswith(name)

    def test_a_range_of_names_runs_from_the_first_to_the_last(self, tmp_path: Path) -> None:
        days = [fire[:3] for fire in fires(tmp_path, "0 2 * * mon-fri", SUNDAY, 6)]
        assert days == ["Mon", "Tue", "Wed", "Thu", "Fri", "Mon"]

    @pytest.mark.parametrize("day", ["0", "7", "1-5", "mon,3", "*/2"])
    def test_a_number_is_refused_because_tools_disagree_about_it(self, tmp_path: Path, day: str) -> None:
        error = refused(tmp_path, f'job: staff\n\ncron: "0 2 * * {day}"\n')
        assert (error.file, error.line) == (str(tmp_path / "one.yaml"), 3)
        assert "mon-fri" in error.advice


class TestTimeZones:
    def test_a_time_is_that_of_the_zone(self, tmp_path: Path) -> None:
        assert fires(tmp_path, "15 2 * * *", SUNDAY, 1, "Asia/Tokyo") == ["Mon 23 Nov 02:15 +0900"]

    def test_without_one_it_is_the_machines_own(self, tmp_path: Path) -> None:
        (tmp_path / "one.yaml").write_text('job: staff\ncron: "15 2 * * *"\n')
        (loaded,) = load(tmp_path, ["staff"])
        (fire,) = loaded.next_times(SUNDAY, 1)
        assert (fire.hour, fire.minute) == (2, 15)
        assert fire.utcoffset() == fire.astimezone().utcoffset()
        assert loaded.words == "15 2 * * * local time"

    def test_a_time_that_exists_twice_comes_once(self, tmp_path: Path) -> None:
        """On 25 October 2026 it is 02:15 in Paris first at +0200 and then at +0100."""
        before = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
        assert fires(tmp_path, "15 2 * * *", before, 2, "Europe/Paris") == [
            "Sun 25 Oct 02:15 +0200",
            "Mon 26 Oct 02:15 +0100",
        ]

    def test_a_daemon_that_starts_between_the_two_waits_for_the_next_day(self, tmp_path: Path) -> None:
        between = datetime(2026, 10, 25, 1, 5, tzinfo=UTC)
        assert fires(tmp_path, "15 2 * * *", between, 1, "Europe/Paris") == ["Mon 26 Oct 02:15 +0100"]

    def test_a_time_that_does_not_exist_is_left_out(self, tmp_path: Path) -> None:
        """On 28 March 2027 the clocks in Paris go from 02:00 to 03:00."""
        before = datetime(2027, 3, 26, 12, 0, tzinfo=UTC)
        assert fires(tmp_path, "15 2 * * *", before, 2, "Europe/Paris") == [
            "Sat 27 Mar 02:15 +0100",
            "Mon 29 Mar 02:15 +0200",
        ]

    @given(
        start=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
        zone=st.sampled_from(("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")),
        cron=st.sampled_from(("15 2 * * *", "*/20 * * * *", "30 1-3 * * sat,sun", "0 0 1 * *")),
    )
    def test_times_always_go_on(
        self, tmp_path_factory: pytest.TempPathFactory, start: datetime, zone: str, cron: str
    ) -> None:
        times = schedule(tmp_path_factory.mktemp("schedules"), cron, zone).next_times(start, 12)
        moments = [moment.astimezone(UTC) for moment in times]
        assert moments == sorted(set(moments))
        assert moments[0] >= start
        walls = [moment.replace(tzinfo=None) for moment in times]
        assert len(set(walls)) == len(walls)


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "line", "words"),
        [
            ('cron: "0 2 * * *"\njob: staf\n', 2, 'there is no job "staf" (did you mean "staff"?)'),
            ('job: staff\ncron: "0 2 * * *"\ntimezone: Europe/Pari\n', 3, '"Europe/Pari" is no time zone'),
            ('job: staff\ncron: "0 2 * * *"\ntimezone: ../etc\n', 3, '"../etc" is no time zone'),
            ('job: staff\ncron: "0 2 * *"\n', 2, "has 4 fields"),
            ('job: staff\ncron: "@daily"\n', 2, "has 1 fields"),
            ('job: staff\ncron: "61 2 * * *"\n', 2, "61"),
            ('job: staff\ncron: "0 2 * * someday"\n', 2, "someday"),
            ('job: staff\ncron: "0 2 31 2 *"\n', 2, "never comes"),
            ('job: staff\ncron: "0 2 * * *"\nzone: UTC\n', 3, 'unknown key "zone"'),
            ("job: staff\n", 1, 'the key "cron" is missing'),
        ],
    )
    def test_are_refused_with_file_and_line(self, tmp_path: Path, text: str, line: int, words: str) -> None:
        error = refused(tmp_path, text)
        assert f"{tmp_path / 'one.yaml'}:{line}: " in error.message
        assert words in error.message

    def test_only_yaml_files_are_schedules_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        for name in ("b.yaml", "a.yaml", "c.yaml~", "README"):
            (tmp_path / name).write_text('job: staff\ncron: "0 2 * * *"\n')
        assert [each.name for each in load(tmp_path, ["staff"])] == ["a", "b"]

    def test_a_folder_that_is_not_there_holds_none(self, tmp_path: Path) -> None:
        assert load(tmp_path / "nowhere", ["staff"]) == []

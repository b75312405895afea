"""Runs of what changed on the command line: refused where nothing is kept for them, and never less than a full run."""

from tests.acceptance.world import World

WHO = "kenji.mori"
WHY = "company cannot tell what changed"


def allow(world: World, text: str = "incremental: {}") -> None:
    """From now on the job may run on what changed."""
    file = world.folder / "config.yaml"
    written = file.read_text(encoding="utf-8")
    file.write_text(written.replace("    leavers: lock\n", f"    leavers: lock\n    {text}\n", 1), encoding="utf-8")


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_job_that_keeps_nothing_for_it_says_what_to_write(settled: World) -> None:
    for command in ("run", "plan"):
        refused = settled.iwds(command, "company", "--changes", code=64)
        assert "incremental: {}" in refused.err
    assert "of what changed" not in settled.iwds("status").out, "a command that was refused is no run"
    schedules = settled.folder / "schedules"
    schedules.mkdir(exist_ok=True)
    (schedules / "often.yaml").write_text('job: company\ncron: "*/10 * * * *"\nchanges: true\n', encoding="utf-8")
    for options in ((), ("--show",)):
        refused = settled.iwds("daemon", *options, code=78)
        assert "config.yaml:" in refused.err
        assert "the schedule often" in refused.err
        assert "incremental: {}" in refused.err
    allow(settled)
    assert "of what changed" in settled.iwds("daemon", "--show").out


def test_a_source_that_cannot_tell_is_read_whole_and_every_page_says_why(settled: World) -> None:
    allow(settled)
    assert WHY in words(settled.iwds("check", "company").out)
    settled.company.take(WHO)
    settled.save()
    assert f"everybody was read: {WHY}" in words(settled.iwds("plan", "company", "--changes", code=2).out)
    ran = settled.iwds("run", "company", "--changes", "--json").json
    assert ran["read_everybody"] == WHY
    assert "1 done" in ran["summary"]
    assert settled.iwds("login", "show", WHO, "--json").json["login"]["status"] == 1
    (last, *_) = settled.iwds("history", "company", "--json").json["runs"]
    assert (last["command"], last["report"]["read_everybody"]) == ("run", WHY)
    assert WHY in words(settled.iwds("history", "company").out)
    assert "no mark of company, so that the next run reads everybody" in words(settled.iwds("status", "company").out)


def test_a_slip_in_its_settings_is_named_with_file_and_line(settled: World) -> None:
    allow(settled, "incremental: {most: 0}")
    assert "config.yaml:" in settled.iwds("plan", "company", code=78).err
    refused = settled.iwds("plan", "company", "--changes", "--capture", code=64)
    assert "--capture" in refused.err or "--changes" in refused.err

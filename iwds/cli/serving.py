"""`daemon`, `demo`: the commands that keep running."""

import signal
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from iwds.cli.common import local, wired
from iwds.cli.console import err, out
from iwds.errors import ConfigurationError, IwdsError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("daemon")(daemon)
    app.command("demo")(demo)


def daemon(
    show: Annotated[bool, typer.Option("--show", help="Print the next five times of each schedule and end.")] = False,
) -> int:
    """Run jobs when their schedules say so, until SIGTERM or SIGINT. One run of a job at a time."""
    from iwds.scheduling import schedules as files

    with wired() as wiring:
        config = wiring.config
        folder = config.path(config.settings.schedules)
        loaded = files.load(folder, config.job_names())
        if not loaded:
            raise ConfigurationError(f"there is no schedule in {folder}", "see schedules/nightly.yaml for one")
        for schedule in loaded:
            if schedule.changes:
                _require_incremental(config, schedule)
        if show:
            return _show_times(loaded)
        for schedule in loaded:
            wiring.job(schedule.job)  # a configuration that cannot work is found now, not at night
        _log_as_told(config)
    return _serve(loaded, config.file)


def _show_times(loaded: list[Any]) -> int:
    from iwds.bootstrap import SystemClock

    for schedule in loaded:
        times = schedule.next_times(SystemClock().now(), 5)
        out.print(f"[bold]{schedule.name}[/]  job {schedule.job}  {schedule.words}")
        for moment in times:
            elsewhere = moment.utcoffset() != moment.astimezone().utcoffset()
            here = f"   here: {local(moment)}" if elsewhere else ""
            out.print(f"  {moment.strftime('%a %d %b %Y %H:%M %Z')}{here}")
    return 0


def _serve(loaded: list[Any], config: Path) -> int:
    from iwds.scheduling.daemon import serve

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Set from another thread: the main one may be just about to wait for the event, and would wait for itself.
        signal.signal(number, lambda *_: threading.Thread(target=stop.set).start())
    serve(loaded, lambda schedule, stopped: _run_quietly(config, schedule, stopped), stop)
    return 0


def _log_as_told(config: Any) -> None:
    from iwds.logs import configure

    configure(config.settings.logs.level, config.settings.logs.format)


def _require_incremental(config: Any, schedule: Any) -> None:
    """`ConfigurationError` for a schedule of what changed alone of a job that keeps nothing for it."""
    if config.settings.jobs[schedule.job].incremental is None:
        raise config.error(
            f'the schedule {schedule.name} has changes: true, and job "{schedule.job}" has no incremental',
            *("jobs", schedule.job),
            advice=f"write `incremental: {{}}` below the job {schedule.job}, or take changes: true out",
        )


def _run_quietly(config: Path, schedule: Any, stop: threading.Event) -> None:
    """One scheduled run with one log line at its end; the configuration is read afresh each time."""
    import structlog

    from iwds.captures import as_configured
    from iwds.engine.running import Request
    from iwds.engine.running import run as run_job

    job, changes = schedule.job, schedule.changes
    log = structlog.get_logger().bind(job=job)
    try:
        with wired(config) as wiring:
            _log_as_told(wiring.config)
            captured = as_configured(wiring, job, lambda text: log.warning("capture.failed", error=text))
            with nullcontext() if changes else captured:
                request = Request("daemon", stop=stop, changes=changes)
                report = run_job(wiring.job(job), wiring.tools(), wiring.writer(job), request)
        run = report.run
        log.info("run.finished", run=run.id, plan=run.plan, exit_code=run.exit_code, summary=run.summary, **run.report)
    except IwdsError as error:
        log.error("run.failed", exit_code=error.exit_code, error=error.message, advice=error.advice)


def demo(
    folder: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Where the playground is left.")] = Path(
        "playground"
    ),
    ldap: Annotated[bool, typer.Option("--ldap", help="Play it on a private slapd instead of a file.")] = False,
) -> int:
    """Play the main job on a sample company, from an empty MFA service to a bad day, and leave it to play with."""
    from iwds.demo.play import play

    err.print("[dim]A sample company, a local MFA service; nothing leaves this machine.[/]")
    return play(folder, ldap=ldap)

"""The daemon: schedules in this process, one run of a job at a time, a clean stop."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from iwds.scheduling.schedules import Schedule

LATE = 600
"""Seconds that a run may start late; a machine that slept through the night does not sync at noon."""

WAIT = 300
"""Seconds for which a run of everybody waits for one of what changed."""

RunJob = Callable[[Schedule, threading.Event], None]
"""Runs the job of a schedule to its end. The event asks it to stop in good order."""


def serve(schedules: Sequence[Schedule], run_job: RunJob, stop: threading.Event) -> None:
    """Run every schedule until `stop` is set, then let what is running end in good order.

    The schedule lives in memory and is built from the files at each start; runs are remembered in the state.
    """
    log = structlog.get_logger()
    scheduler = _scheduler(len(schedules))
    jobs = {schedule.name: schedule.job for schedule in schedules}
    busy = {job: threading.Lock() for job in jobs.values()}
    brief = dict.fromkeys(busy, True)

    def tick(schedule: Schedule) -> None:
        job = schedule.job
        # A run of what changed is done in seconds: the night must not be lost for that.
        if not busy[job].acquire(timeout=0 if schedule.changes or not brief[job] else WAIT):
            log.warning("schedule.skipped", job=job, reason="the run before it has not ended")
            return
        brief[job] = schedule.changes
        try:
            run_job(schedule, stop)
        except Exception as error:  # the daemon outlives whatever one run meets
            log.error("run.crashed", job=job, error=repr(error), exc_info=True)
        finally:
            busy[job].release()

    def skipped(event: Any) -> None:
        late = event.code == EVENT_JOB_MISSED
        reason = "it is too late for it" if late else "the run before it has not ended"
        log.warning("schedule.skipped", job=jobs[event.job_id], reason=reason)

    scheduler.add_listener(skipped, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    for schedule in schedules:
        scheduler.add_job(tick, schedule.trigger, args=[schedule], id=schedule.name, name=schedule.name)
    scheduler.start(paused=True)
    for schedule in schedules:
        following = scheduler.get_job(schedule.name).next_run_time.astimezone(schedule.zone)
        log.info("schedule.loaded", schedule=schedule.name, job=schedule.job, cron=schedule.words, next=str(following))
    scheduler.resume()
    try:
        stop.wait()
    finally:
        log.info("daemon.stopping")
        scheduler.shutdown(wait=True)


def _scheduler(schedules: int) -> BackgroundScheduler:
    """One that never lets a schedule wait for a thread, and that leaves it to us to say what it does."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    return BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(max(1, schedules))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": LATE},
    )

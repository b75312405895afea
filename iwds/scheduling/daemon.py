"""The daemon: schedules in this process, one run of a job at a time, a clean stop."""

import threading
from collections.abc import Callable, Sequence

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from iwds.scheduling.schedules import Schedule

LATE = 600
"""Seconds that a run may start late; a machine that slept through the night does not sync at noon."""

RunJob = Callable[[str, threading.Event], None]
"""Runs one job by name to its end; must not raise. The event asks it to stop in good order."""


def serve(schedules: Sequence[Schedule], run_job: RunJob, stop: threading.Event) -> None:
    """Run every schedule until `stop` is set, then let what is running end in good order.

    The schedule lives in memory and is built from the files at each start; runs are remembered in the state.
    """
    log = structlog.get_logger()
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(max(1, len({s.job for s in schedules})))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": LATE},
    )
    busy = {schedule.job: threading.Lock() for schedule in schedules}

    def tick(job: str) -> None:
        if not busy[job].acquire(blocking=False):
            log.warning("schedule.skipped", job=job, reason="the run before it has not ended")
            return
        try:
            run_job(job, stop)
        finally:
            busy[job].release()

    for schedule in schedules:
        scheduler.add_job(tick, schedule.trigger, args=[schedule.job], id=schedule.name, name=schedule.name)
    scheduler.start()
    for schedule in schedules:
        following = scheduler.get_job(schedule.name).next_run_time
        log.info("schedule.loaded", schedule=schedule.name, job=schedule.job, cron=schedule.words, next=str(following))
    try:
        stop.wait()
    finally:
        log.info("daemon.stopping")
        scheduler.shutdown(wait=True)

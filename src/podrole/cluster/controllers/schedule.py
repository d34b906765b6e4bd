"""A CronJob's schedule: when it was due last and is due next. Pure; the cron grammar is ``cronsim``'s.

https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
"""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = 5
COUNTED = 100
"""How many missed starts are counted. Beyond it Kubernetes warns, and starts the last one."""


class BadSchedule(ValueError):
    """An invalid schedule or time zone."""


@dataclass(frozen=True, slots=True)
class Due:
    """``last`` is the latest start after ``since`` and not after ``now``; ``missed`` how many starts there were."""

    last: float | None
    missed: int
    next: float


def due(schedule: str, time_zone: str | None, *, since: float, now: float) -> Due:
    """Work out the starts of a schedule between two times (epoch seconds). Raises BadSchedule."""
    from cronsim import CronSim, CronSimError  # imported when the first CronJob needs it

    expression = MACROS.get(schedule, schedule).replace("?", "*")  # `?` means any day, as `*` does
    if len(expression.split()) != FIELDS:
        raise BadSchedule(f"{schedule!r} is not a schedule: expected 5 fields or one of {', '.join(MACROS)}")
    try:
        zone: tzinfo = zoneinfo.ZoneInfo(time_zone) if time_zone else UTC
        upcoming = next(CronSim(expression, datetime.fromtimestamp(int(now), zone))).timestamp()
        latest = next(CronSim(expression, datetime.fromtimestamp(int(now) + 1, zone), reverse=True)).timestamp()
        if latest <= since:
            return Due(None, 0, upcoming)
        missed = 0
        for start in CronSim(expression, datetime.fromtimestamp(int(since), zone)):
            if start.timestamp() > now or missed > COUNTED:
                break
            missed += 1
    except (CronSimError, zoneinfo.ZoneInfoNotFoundError, ValueError, StopIteration) as problem:
        raise BadSchedule(f"{schedule!r} is not a schedule: {str(problem) or 'it is never due'}") from problem
    return Due(latest, missed, upcoming)

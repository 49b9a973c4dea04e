"""What comes round by itself. Beat only asks for sweeps; a sweep queues each periodic job when its turn has come.

The turns are counted in the database, so they survive restarts, and two beats do no harm.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from vault.jobs import SWEEP, SWEEP_EVERY

PERIODIC = {
    "shares.end_expired": timedelta(seconds=60),
    "slots.finish_destructions": timedelta(seconds=60),
    "transfers.drop_abandoned": timedelta(hours=1),
    "transfers.check_fixity": timedelta(days=1),
}

SCHEDULE: dict[str, dict[str, Any]] = {
    # A sweep that waited longer than its period is dropped: the next one does the same.
    "sweep": {"task": SWEEP, "schedule": SWEEP_EVERY, "options": {"expires": SWEEP_EVERY.total_seconds()}},
}

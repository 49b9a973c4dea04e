"""What beat asks for: sweeps. A sweep queues each periodic job of `vault.handlers` when its turn has come."""

from __future__ import annotations

from typing import Any

from vault.jobs import SWEEP, SWEEP_EVERY

SCHEDULE: dict[str, dict[str, Any]] = {
    # A sweep that waited longer than its period is dropped: the next one does the same.
    "sweep": {"task": SWEEP, "schedule": SWEEP_EVERY, "options": {"expires": SWEEP_EVERY.total_seconds()}},
}

"""The app of this process, made from its environment: what `celery --app=worker.celery worker` runs."""

from __future__ import annotations

import os

from vault.assembly import open_runtime
from vault.handlers import import_handlers
from vault.settings import Settings
from worker.application import make_app

settings = Settings.from_env(os.environ)
import_handlers()
app = make_app(settings.broker_url, settings.data, lambda: open_runtime(settings))

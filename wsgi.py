"""The entry point of web servers: `gunicorn wsgi:app`."""

import os

from vault.app import create_app
from vault.assembly import open_runtime
from vault.settings import Settings

app = create_app(open_runtime(Settings.from_env(os.environ)))

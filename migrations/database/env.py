"""Migrations of the database. The guards of the log are lifted while one runs, and stand again when it commits."""

from alembic import context

from vault.audit.guards import lifted
from vault.migrations import run
from vault.models import METADATA

with lifted(context.config.attributes["connection"]):
    run(METADATA)

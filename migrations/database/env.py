"""Migrations of the database. The guards of log and holds are lifted while one runs, and stand again when it commits."""

from alembic import context

from vault.access.hold_guards import holds_lifted
from vault.audit.guards import lifted
from vault.migrations import run
from vault.models import METADATA

connection = context.config.attributes["connection"]
with lifted(connection), holds_lifted(connection):
    run(METADATA)

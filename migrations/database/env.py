"""Migrations of the database."""

from vault.migrations import run
from vault.models import METADATA

run(METADATA)

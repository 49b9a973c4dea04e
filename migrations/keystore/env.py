"""Runs the keystore's migrations on the connection that `vault.migrations.upgrade` opened."""

from vault.keystore.models import KeystoreBase
from vault.migrations import run

run(KeystoreBase.metadata)

"""Whether the process lives and whether it could serve: names only, no versions, no addresses."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, json
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from vault.errors import VaultError
from vault.runtime import Runtime
from vault.web.acting import runtime


def install(app: Flask) -> None:
    """`/healthz` says that the process answers; `/readyz` names each part and whether it does."""
    app.add_url_rule("/healthz", "healthz", lambda: _answer({"process": True}))
    app.add_url_rule("/readyz", "readyz", lambda: _answer(look_at_parts(runtime())))


def look_at_parts(running: Runtime) -> dict[str, bool]:
    """Each part of the vault by name, and whether it answers."""
    return {
        "database": _answers(lambda: _ask_database(running)),
        "keystore": _answers(running.keystore.status),
        "keys": _answers(running.keystore.epochs.current),
        "store": _answers(lambda: running.store.size("ready/probe")),
        "replayed": not running.is_sealed,
    }


def _ask_database(running: Runtime) -> None:
    with running.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (VaultError, SQLAlchemyError, OSError):
        return False
    return True


def _answer(parts: dict[str, bool]) -> Response:
    ready = all(parts.values())
    return Response(json.dumps(parts), 200 if ready else 503, content_type="application/json")

"""Which version of a document an address names, and which page."""

from __future__ import annotations

from flask import request

from vault.errors import Fault, Invalid

VERSION = {"version": {"type": "integer", "minimum": 1, "maximum": 999_999_999}}
"""The number of a version, in the address: for the description of the API."""


FIRST = {"first": {"type": "integer", "minimum": 1, "maximum": 999_999_999}}
"""The number of the first page that is wanted, in the address."""


def asked_version() -> int | None:
    """`?version=`, a number from 1 on; None when the current one is meant."""
    return _asked("version", "There is no such version.")


def asked_first() -> int:
    """`?first=`, a number from 1 on; 1 where none is asked for."""
    return _asked("first", "There is no such page.") or 1


def _asked(name: str, refusal: str) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise Invalid(refusal, errors=[Fault(f"/{name}", "Give a number from 1 on.")])
    return int(text)

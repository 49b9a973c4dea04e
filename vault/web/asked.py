"""Which version of a document an address names."""

from __future__ import annotations

from flask import request

from vault.errors import Fault, Invalid

VERSION = {"version": {"type": "integer", "minimum": 1, "maximum": 999_999_999}}
"""The number of a version, in the address: for the description of the API."""


def asked_version() -> int | None:
    """`?version=`, a number from 1 on; None when the current one is meant."""
    text = request.args.get("version")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise Invalid("There is no such version.", errors=[Fault("/version", "Give a number from 1 on.")])
    return int(text)

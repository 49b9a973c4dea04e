"""Web applications for tests. Making one takes longer than most tests: its rules and templates are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import BytecodeCache

from vault.app import create_app

if TYPE_CHECKING:
    from jinja2.bccache import Bucket

    from vault.runtime import Runtime


class KeptTemplates(BytecodeCache):
    """What templates were compiled to, for all applications of this process."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = Flask.jinja_options | {"bytecode_cache": KeptTemplates()}
_made: dict[tuple[object, ...], Flask] = {}


def app_around(runtime: Runtime) -> Flask:
    """The application for this vault; the same object serves the next vault of like settings, and the last one no more."""
    settings = runtime.settings
    like = (settings.profile, settings.base_url, settings.web_threads, settings.trusted_proxies)
    if like not in _made:
        _made[like] = create_app(runtime)
    _made[like].extensions["runtime"] = runtime
    return _made[like]

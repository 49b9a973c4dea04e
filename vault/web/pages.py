"""What every page has at hand: the rail with the places, the macros `ui` (parts.html) and `icon` (icons.html)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from flask import Flask, request


class Place(NamedTuple):
    """One line of the rail. `icon` is a name in icons.html; `waiting` counts what waits there, `also` are
    beginnings of paths that belong to the place besides its own."""

    label: str
    url: str
    icon: str
    waiting: int = 0
    also: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """True on the page itself and on those below it."""
        below = (self.url.rstrip("/") + "/", *self.also)
        return request.path == self.url or request.path.startswith(below)


def install(app: Flask, places: Callable[[], Sequence[Place]]) -> None:
    """Let base.html ask `places()` for the rail (none for strangers). The last part to install: it needs the others."""
    app.add_template_global(places, "navigation")
    templates = app.jinja_env
    templates.globals["icon"] = vars(templates.get_template("icons.html").module)["icon"]
    templates.globals["ui"] = templates.get_template("parts.html").module

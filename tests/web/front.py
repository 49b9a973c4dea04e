"""A small application of the front's parts alone, with pages that show every macro."""

from __future__ import annotations

import io
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import psycopg
from flask import Flask, Response, request
from jinja2 import ChoiceLoader, FileSystemLoader
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.exc import StaleDataError

from vault.errors import (
    BadRange,
    BundleLocked,
    Fault,
    Invalid,
    NotFound,
    Refusal,
    Refused,
    TooMany,
    Unauthenticated,
)
from vault.web import csrf, headers, locale, notices, openapi, pages, problems, respond, statics
from vault.web.etags import etag_of, require_match
from vault.web.paging import Page, asked_page

NOW = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
CATALOGUES = Path(__file__).parent / "translations"


class CasePage(BaseModel):
    number: str = "815-26-00412"
    made: datetime = NOW - timedelta(days=2)
    now: datetime = NOW
    opened: datetime = NOW - timedelta(days=1)
    expiry: datetime = NOW + timedelta(days=5)
    end: datetime = NOW + timedelta(days=28)


class NewBundle(BaseModel, extra="forbid", str_strip_whitespace=True):
    title: str = Field(min_length=1, max_length=200)
    tier: Literal["confidential", "strictly_confidential"]
    language: str = "en"
    individuals: list[str] = []
    pages: int | None = None
    weight: float | None = None
    note: str | None = None
    password: str | None = None
    file: str | None = None
    understood: bool = False


class Item(BaseModel):
    id: int


def make_app(*, session_cookies: tuple[str, ...] = ("session",), strangers: bool = False) -> Flask:
    """The application; `strangers` have no places and so no rail."""
    app = Flask("vault", static_folder=None, template_folder="web/templates")
    own = FileSystemLoader(Path(__file__).parent / "templates")
    assert app.jinja_loader is not None
    app.jinja_loader = ChoiceLoader([app.jinja_loader, own])
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    headers.install(app)
    locale.install(app, pseudo_languages=True, catalogues=CATALOGUES)
    statics.install(app)
    csrf.install(app, session_cookies=session_cookies)
    respond.install(app)
    problems.install(app, sign_in_endpoint="landing")
    notices.install(app)
    openapi.install(app)
    pages.install(app, list if strangers else _places)
    _add_views(app)
    _add_failures(app)
    return app


def _places() -> list[pages.Place]:
    gettext = locale.gettext
    return [
        pages.Place(gettext("Work"), "/case", "work"),
        pages.Place(gettext("Links"), "/links", "links", waiting=3),
        pages.Place(gettext("People"), "/people", "people"),
        pages.Place(gettext("Log"), "/audit", "audit"),
        pages.Place(gettext("Account"), "/account", "account"),
    ]


def _add_views(app: Flask) -> None:
    @app.get("/case")
    @app.get("/api/v1/case", endpoint="api.case")
    @openapi.documented("A case", returns=CasePage, errors=("not-found",))
    def case():
        page = CasePage()
        return respond.respond("case.html", page, etag=etag_of(page))

    @app.patch("/api/v1/case", endpoint="api.change")
    def change():
        require_match(etag_of(CasePage()))
        return respond.respond("case.html", CasePage())

    @app.get("/forms")
    def forms():
        return respond.respond("forms.html", CasePage())

    @app.post("/forms")
    @app.post("/api/v1/bundles/<uuid:bundle_id>", endpoint="api.make")
    @openapi.documented("Make a bundle", body=NewBundle, returns=NewBundle, status=201, errors=("invalid",))
    @respond.shows_form(lambda **_: forms(), TooMany)
    def make(bundle_id: UUID | None = None):
        wanted = respond.parse(NewBundle)
        if wanted.title == "again":
            raise TooMany(retry_after=60)
        return respond.respond("case.html", wanted, location="/case?notice=saved")

    @app.get("/api/v1/items")
    @openapi.documented("Items", returns=Page[Item])
    def items():
        after, limit = asked_page()
        first = int(after or 0)
        rows = [Item(id=number) for number in range(first, min(first + limit, 60))]
        following = str(first + limit) if first + limit < 60 else None
        return respond.respond("case.html", Page[Item](items=rows, next=following))

    _add_small_views(app)


def _add_small_views(app: Flask) -> None:
    @app.get("/confirm")
    def confirm():
        return respond.respond("confirm.html", None)

    @app.get("/landing")
    def landing():
        return respond.respond("landing.html", None)

    @app.post("/confirm")
    @respond.shows_form(confirm)
    def confirmed():
        raise Invalid("The number is another one.", errors=[Fault("/number", "Type 815-26-00412.")])

    @app.post("/opening")
    @csrf.exempt("the secret is in the body")
    def opening():
        return respond.respond("case.html", CasePage())

    @app.post("/files-form")
    @csrf.reads_multipart
    def files_form():
        csrf.check_token(request.form.get("csrf"))
        return respond.respond("case.html", CasePage())

    @app.get("/tone.wav")
    def tone():
        return headers.as_user_content(Response(_tone(), mimetype="audio/wav")).make_conditional(
            request, accept_ranges=True, complete_length=len(_tone())
        )


def _add_failures(app: Flask) -> None:
    known: dict[str, Exception] = {
        "missing": NotFound(),
        "locked": BundleLocked(),
        "refused": Refused(refusal=Refusal("share.refused")),
        "signed-out": Unauthenticated(),
        "range": BadRange(10),
        "busy-database": OperationalError("SELECT 1", {}, Exception("database is locked")),
        "waited-for-each-other": OperationalError(
            "SELECT 1", {}, psycopg.errors.DeadlockDetected("deadlock")
        ),
        "waited-too-long": OperationalError("SELECT 1", {}, psycopg.errors.LockNotAvailable("lock timeout")),
        "restarting": OperationalError("SELECT 1", {}, psycopg.errors.AdminShutdown("shutdown")),
        "away": OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused")),
        "gone-meanwhile": StaleDataError("0 rows were matched"),
        "full": OperationalError("SELECT 1", {}, psycopg.errors.ConfigFileError("no such file")),
        "crash": ZeroDivisionError("the password was hunter2"),
    }

    @app.get("/fails/<kind>")
    @app.get("/api/v1/fails/<kind>", endpoint="api.fails")
    def fails(kind: str) -> None:
        raise known[kind]


def _tone() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(128, 144)) * 500 * 120)
    return buffer.getvalue()

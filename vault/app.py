"""The web application: one Flask app around one runtime."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from flask import Flask
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from vault.runtime import Runtime
from vault.web import (
    bodies,
    csrf,
    headers,
    health,
    idempotency,
    lanes,
    locale,
    notices,
    openapi,
    pages,
    problems,
    reasons,
    respond,
    ringing,
    signin,
    statics,
    step_up,
    system,
    waveforms,
)
from vault.web.places import places

ROOMS = (
    "vault.people.views",
    "vault.cases.views",
    "vault.bundles.views",
    "vault.transfers.views",
    "vault.shares.views",
    "vault.drops.views",
    "vault.matrix.views",
    "vault.archive.views",
    "vault.retention.views",
    "vault.disposal.views",
    "vault.audit.views",
)
API = "/api/v1"


def create_app(runtime: Runtime) -> Flask:
    """The application for this runtime. Every room is mounted twice: as pages and as the API."""
    app = Flask("vault", static_folder=None, template_folder="web/templates")
    app.extensions["runtime"] = runtime
    app.config["MAX_FORM_MEMORY_SIZE"] = 1024 * 1024
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    settings = runtime.settings
    app.wsgi_app = bodies.reads_safely(app.wsgi_app)  # type: ignore[method-assign, assignment]
    headers.install(app)
    locale.install(app, pseudo_languages=settings.profile != "production")
    statics.install(app)
    lanes.install(app, settings.web_threads)
    signin.install_tokens(app)
    csrf.install(app, session_cookies=signin.COOKIES)
    respond.install(app)
    problems.install(app, sign_in_endpoint="people_pages.sign_in")
    notices.install(app)
    signin.install(app)
    step_up.install(app)
    reasons.install(app)
    idempotency.install(app)
    health.install(app)
    ringing.install(app)
    openapi.install(app)
    waveforms.install(app)
    pages.install(app, places)
    for name in ROOMS:
        if find_spec(name) is None:
            continue
        room = import_module(name)
        app.register_blueprint(room.bp)
        app.register_blueprint(room.bp, url_prefix=API, name=f"api_{room.bp.name}")
        if hasattr(room, "pages"):
            app.register_blueprint(room.pages)
    app.register_blueprint(system.pages)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app

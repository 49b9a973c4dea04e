"""What an error means in HTTP: the one table, and its two faces, RFC 9457 for programs and a page for people.

Every answer carries a reference: 12 characters that also stand in the log line, so that somebody can tell
support which failure they saw. The log never holds locals, queries, bodies or the text of an unknown
exception.
"""

import secrets
import traceback
from pathlib import Path
from typing import NamedTuple

import structlog
from flask import Flask, Response, current_app, g, json, redirect, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as AnyResponse

from vault import errors
from vault.mail import NotSent
from vault.web import csrf, etags
from vault.web.locale import gettext
from vault.web.locale import message as _
from vault.web.media import PROBLEM, speaks_json

LOG = structlog.get_logger("vault.web")
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Meaning(NamedTuple):
    """An HTTP status, a title, and the sentence that is said where the error brings none."""

    status: int
    title: str
    sentence: str = ""


TABLE: dict[type[errors.VaultError], Meaning] = {
    errors.Invalid: Meaning(400, _("Something needs correcting"), _("Nothing was changed.")),
    errors.WrongReceipt: Meaning(422, _("This receipt does not fit"), _("Nothing was changed.")),
    errors.Unauthenticated: Meaning(401, _("You are not signed in"), _("Sign in, then repeat what you did.")),
    errors.FactorDue: Meaning(
        401, _("Your second factor is due"), _("Prove it, or add one, then repeat what you did.")
    ),
    errors.Refused: Meaning(403, _("You may not do this"), _("Nothing was changed.")),
    errors.ReasonDue: Meaning(
        403,
        _("Say why you open this"),
        _("This case is not assigned to you. Give a reason for the bundle, then repeat what you did."),
    ),
    errors.StepUpDue: Meaning(403, _("Confirm that it is you"), _("Nothing was changed.")),
    csrf.ForeignRequest: Meaning(403, _("This request was stopped")),
    errors.NotFound: Meaning(
        404, _("Nothing to see here"), _("This page does not exist, or you have no access to it.")
    ),
    errors.Gone: Meaning(
        410,
        _("This link cannot be opened"),
        _("It may have expired, been withdrawn or been used up. Ask the person who sent it."),
    ),
    errors.Archived: Meaning(
        410, _("This lies in the archive"), _("What lay here was removed. The record is in its package.")
    ),
    errors.Disposed: Meaning(
        410,
        _("This was disposed of"),
        _("Its key was destroyed, and nothing opens it any more. A certificate says so."),
    ),
    errors.Conflict: Meaning(409, _("Somebody was faster"), _("Nothing was changed. Load the page again.")),
    etags.Stale: Meaning(412, _("Somebody was faster")),
    errors.BundleLocked: Meaning(423, _("This bundle is sealed"), _("Unlock it with its password first.")),
    errors.WrongOffset: Meaning(409, _("The pieces do not fit together")),
    errors.UploadEnded: Meaning(
        410, _("This upload has ended"), _("It was stored, refused or stopped, or its time is over.")
    ),
    errors.UploadBusy: Meaning(
        423, _("Another request sends this file"), _("What is stored is safe. Ask how far it is, and go on.")
    ),
    errors.WrongChecksum: Meaning(
        460, _("A piece was damaged on its way"), _("Nothing of it was stored. Send it again.")
    ),
    errors.TooLarge: Meaning(413, _("Too large"), _("Nothing was stored. Send less at once.")),
    errors.WrongType: Meaning(415, _("This kind of content is not taken"), _("Nothing was stored.")),
    errors.Infected: Meaning(415, _("Something harmful was found"), _("Nothing was stored.")),
    errors.NotShown: Meaning(
        422, _("This cannot be shown here"), _("Download the file, or ask somebody who may.")
    ),
    errors.BadRange: Meaning(416, _("That part does not exist")),
    errors.TooMany: Meaning(429, _("Too many attempts"), _("Wait a while, then try again.")),
    errors.Busy: Meaning(503, _("Busy for a moment"), _("Nothing was changed. Try again.")),
    NotSent: Meaning(503, _("No mail was sent"), _("Try again later.")),
    errors.KeysUnavailable: Meaning(
        503,
        _("The keys cannot be reached"),
        _("Nothing opens or is stored until they can. What was stored before is safe. Try again later."),
    ),
    errors.StoreUnavailable: Meaning(
        503, _("The store cannot be reached"), _("What was stored before is safe. Try again later.")
    ),
    errors.NotScanned: Meaning(
        503, _("The virus scanner does not answer"), _("Nothing was stored. Try again later.")
    ),
    errors.StorageFull: Meaning(
        507, _("The store is full"), _("What was stored before is safe. Tell your administrator.")
    ),
    errors.VaultSealed: Meaning(503, _("The vault is being restored"), _("Nothing opens until then.")),
    errors.Misconfigured: Meaning(500, _("The vault is not set up"), _("Tell your administrator.")),
    errors.Tampered: Meaning(
        500, _("This content does not verify"), _("It was not opened. Tell your administrator.")
    ),
    errors.Unwarranted: Meaning(
        500, _("This needs two people's approval"), _("Nothing was destroyed. Tell your administrator.")
    ),
}
FAILED = Meaning(500, _("Something failed on our side"), _("Nothing was changed."))
OTHER_CODES: dict[int, tuple[str, Meaning]] = {
    404: (errors.NotFound.code, TABLE[errors.NotFound]),
    405: (
        "method-not-allowed",
        Meaning(405, _("This cannot be done here"), _("Nothing was changed.")),
    ),
    412: (etags.Stale.code, TABLE[etags.Stale]),
    413: (errors.TooLarge.code, TABLE[errors.TooLarge]),
    415: (errors.WrongType.code, TABLE[errors.WrongType]),
    416: (errors.BadRange.code, TABLE[errors.BadRange]),
    429: (errors.TooMany.code, TABLE[errors.TooMany]),
}

STATUS_OF_CODE = {
    **{kind.code: meaning.status for kind, meaning in TABLE.items()},
    **{code: meaning.status for code, meaning in OTHER_CODES.values()},
    "failed": FAILED.status,
}


class Problem(NamedTuple):
    """What is answered, in either face."""

    code: str
    meaning: Meaning
    detail: str
    faults: tuple[errors.Fault, ...] = ()


def install(app: Flask, *, sign_in_endpoint: str | None = None) -> None:
    """Answer every error of `app`; people who read while signed out go to `sign_in_endpoint?next=<path>`."""
    app.extensions["sign_in_endpoint"] = sign_in_endpoint
    app.before_request(_lead_nobody_astray)
    app.register_error_handler(errors.VaultError, answer_vault_error)
    app.register_error_handler(HTTPException, _answer_http_exception)
    app.register_error_handler(Exception, _answer_unknown)


def reference() -> str:
    """The 12 characters by which this request is found in the log."""
    if "reference" not in g:
        g.reference = "".join(secrets.choice(CROCKFORD) for _ in range(12))
    return str(g.reference)


def meaning_of(error: errors.VaultError) -> Meaning:
    """The row of the table for this error or its nearest ancestor."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), FAILED)


def answer_vault_error(error: errors.VaultError) -> AnyResponse:
    """The answer to one of our own errors; those with a status of 500 are logged like a crash."""
    endpoint = current_app.extensions["sign_in_endpoint"]
    signed_out = type(error) is errors.Unauthenticated and request.method in ("GET", "HEAD")
    if endpoint and signed_out and not speaks_json(request):
        return redirect(url_for(endpoint, next=request.full_path.rstrip("?")), 303)
    meaning = meaning_of(error)
    if meaning.status == 500:
        _log(error)
    faults = tuple(errors.Fault(each.pointer, gettext(each.message)) for each in error.errors)
    response = _answer(Problem(error.code, meaning, gettext(error.message or meaning.sentence), faults))
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.WrongOffset):
        response.headers["Upload-Offset"] = str(error.offset)
    if isinstance(error, errors.BadRange):
        response.headers["Content-Range"] = f"bytes */{error.length}"
    if meaning.status == 401 and speaks_json(request):
        response.headers["WWW-Authenticate"] = 'Bearer realm="casevault"'
    return response


def _lead_nobody_astray() -> None:
    """An address that is almost one of ours (`//cases`) is none: the router would redirect to whatever host was asked."""
    if isinstance(request.routing_exception, RequestRedirect):
        raise errors.NotFound


def _answer_http_exception(error: HTTPException) -> AnyResponse:
    """Werkzeug's own exceptions, with our words; redirects pass."""
    if error.code is None or error.code < 400:
        return error.get_response()
    if error.code >= 500:
        return _answer_unknown(error)
    client_fault = (errors.Invalid.code, Meaning(error.code, _("This request cannot be understood")))
    code, meaning = OTHER_CODES.get(error.code, client_fault)
    response = _answer(Problem(code, meaning, gettext(meaning.sentence or "Nothing was changed.")))
    for name, value in error.get_headers(None):
        if name in {"Allow", "Content-Range", "Retry-After"}:
            response.headers[name] = value
    return response


def _answer_unknown(error: Exception) -> AnyResponse:
    if _is_passing(error):
        LOG.warning("database_busy", reference=reference(), endpoint=request.endpoint)
        return answer_vault_error(errors.Busy(retry_after=2))
    _log(error)
    return _answer(Problem("failed", FAILED, gettext(FAILED.sentence)))


PASSING = frozenset({"08", "40", "53", "55", "57"})
"""Classes of SQLSTATE: connection, rolled back for another, out of something, held by another, stopped by someone."""


def _is_passing(error: Exception) -> bool:
    """A database that is locked, restarting or out of connections, or two that waited for each other: try again."""
    if isinstance(error, PoolTimeout | StaleDataError):  # the second: a row went while it was being changed
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    state = getattr(error.orig, "sqlstate", "")  # of PostgreSQL; None when no connection was made
    return state is None or state[:2] in PASSING or "database is locked" in str(error.orig)


def _log(error: Exception) -> None:
    """Where it failed and with which class: no message, for a message may quote what somebody typed."""
    frames = traceback.extract_tb(error.__traceback__)
    LOG.error(
        "request_failed",
        reference=reference(),
        endpoint=request.endpoint,
        method=request.method,
        error=type(error).__qualname__,
        cause=type(error.__cause__).__qualname__ if error.__cause__ else None,
        at=[f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    )


def _answer(problem: Problem) -> Response:
    status, title = problem.meaning.status, gettext(problem.meaning.title)
    if speaks_json(request):
        content = {
            "type": f"/problems/{problem.code}",
            "title": title,
            "status": status,
            "detail": problem.detail,
            "instance": reference(),
        }
        if problem.faults:
            content["errors"] = [{"pointer": f.pointer, "detail": f.message} for f in problem.faults]
        return Response(json.dumps(content), status, content_type=PROBLEM)
    return Response(_page(problem, title), status)


def _page(problem: Problem, title: str) -> str:
    """The page for people; when even that cannot be made, its words alone."""
    try:
        return render_template("problem.html", title=title, problem=problem, reference=reference())
    except Exception as error:  # noqa: BLE001 - the last line of defence
        _log(error)
        words = Markup("<!doctype html><title>{0}</title><h1>{0}</h1><p>{1}</p><p>{2}</p>")
        return words.format(title, problem.detail, reference())

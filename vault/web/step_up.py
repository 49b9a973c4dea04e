"""Proving again who asks, over HTTP: a form that needs a proof is shown as a page that asks for it, and sent again with it.

The page carries what was typed and says what will be done; its answer, `step_up_id` with one of `step_up_code`,
`step_up_passkey` and `step_up_password`, is taken before the view runs again. Programs get the question's id, answer it
at `/api/v1/step-ups/<id>`, and repeat their request. Where a fresh factor is due to read something, people are led to
the page that proves one, and back.
"""

from __future__ import annotations

from uuid import UUID

from flask import Flask, Response, g, json, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from vault.errors import Invalid, StepUpDue, VaultError
from vault.people.factor_pages import step_up_page
from vault.people.proofs import Answer, prove_step_up
from vault.people.step_up import Act, ask_step_up
from vault.web.acting import actor, runtime, transaction
from vault.web.csrf import FIELD
from vault.web.locale import gettext
from vault.web.media import PROBLEM, speaks_json
from vault.web.problems import answer_vault_error
from vault.web.respond import STEP_UP_FIELDS
from vault.web.signin import FACTOR, device_cookie

QUESTION = f"{STEP_UP_FIELDS}id"
FORM = "application/x-www-form-urlencoded"
ANSWERS = ("code", "passkey", "password")
LONGEST = {"code": 40, "passkey": 20_000, "password": 1024}


def install(app: Flask) -> None:
    """Take answers before the views run, and ask where a view found none. The request's actor must be known by then."""
    app.before_request(_take_answer)
    app.register_error_handler(StepUpDue, _ask)


def _take_answer() -> None:
    """A proof that came with a form is taken; why it was not is shown on the page that asks again."""
    if request.method != "POST" or request.mimetype != FORM or actor().session is None:
        return
    if QUESTION not in request.form:
        return
    try:
        prove_step_up(runtime(), actor(), _question(), _answer())
    except VaultError as error:
        g.step_up_error = error


def _question() -> UUID:
    try:
        return UUID(request.form[QUESTION])
    except ValueError:
        raise Invalid("Do it again.") from None


def _answer() -> Answer:
    given = {name: request.form.get(f"{STEP_UP_FIELDS}{name}") or None for name in ANSWERS}
    if any(len(text or "") > LONGEST[name] for name, text in given.items()):
        raise Invalid("This is too long.")
    return Answer(**given, device_cookie=device_cookie())


def _ask(error: StepUpDue) -> AnyResponse:
    """The question: a page with all that was typed, or a problem that names it."""
    if not isinstance(error.act, Act):
        return _ask_for_fresh(error)
    failed: VaultError | None = g.get("step_up_error")
    with transaction() as tx:
        page = step_up_page(tx, ask_step_up(tx, error.act), error.act)
    if speaks_json(request):
        problem = json.loads(answer_vault_error(error).get_data())
        problem["step_up"] = {"id": str(page.id), "act": error.act.name, "proofs": page.proofs}
        return Response(json.dumps(problem), 403, content_type=PROBLEM)
    page.error = gettext(failed.errors[0].message if failed.errors else failed.message) if failed else ""
    typed = [pair for pair in request.form.items(multi=True) if not _is_ours(pair[0])]
    html = render_template("people/step_up.html", page=page, typed=typed, action=request.path)
    response = Response(html, 403 if failed is None or failed.retry_after is None else 429)
    if failed is not None and failed.retry_after is not None:
        response.headers["Retry-After"] = str(failed.retry_after)
    return response


def _is_ours(name: str) -> bool:
    return name == FIELD or name.startswith(STEP_UP_FIELDS)


def _ask_for_fresh(error: StepUpDue) -> AnyResponse:
    if speaks_json(request) or request.method not in ("GET", "HEAD"):
        return answer_vault_error(error)
    return redirect(url_for(FACTOR, next=request.full_path.rstrip("?")), 303)

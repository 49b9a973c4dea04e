"""Where a reason is due: people who read are led to its page and back, others get the question; programs get a problem.

The problem of `reason-due` names the bundle and where the reason is given; then the request is sent again.
"""

from __future__ import annotations

from flask import Flask, Response, json, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from vault.errors import ReasonDue
from vault.web.acting import actor
from vault.web.media import PROBLEM, speaks_json
from vault.web.problems import answer_vault_error

FORM, RESOURCE = "bundles.reason_form", "api_bundles.post_reason"


def install(app: Flask) -> None:
    """Ask wherever a view found that a reason is due."""
    app.register_error_handler(ReasonDue, _ask)


def _ask(error: ReasonDue) -> AnyResponse:
    answer = answer_vault_error(error)
    if error.bundle_id is None or actor().kind != "person":
        return answer
    if speaks_json(request):
        problem = json.loads(answer.get_data())
        address = url_for(RESOURCE, bundle_id=error.bundle_id)
        problem["reason"] = {"bundle": str(error.bundle_id), "address": address}
        return Response(json.dumps(problem), answer.status_code, content_type=PROBLEM)
    # What was posted is not kept: nobody gets to such a form before the reason is given.
    following = request.full_path.rstrip("?") if request.method in ("GET", "HEAD") else None
    return redirect(url_for(FORM, bundle_id=error.bundle_id, next=following), 303)

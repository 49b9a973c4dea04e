"""`Idempotency-Key`: a program that did not hear the answer may ask again, and nothing is done twice.

For 24 hours a key stands for one request of one person. The same request under it is not repeated: its answer has the
first one's status and `Location`, says `Idempotency-Replayed: true`, and has no body, because no content and no secret
is kept here; whoever lost a link makes another. Another request under the key is a `Conflict`, and so is one whose
first run has not ended: if the process died in it, nobody can say whether it was done. A request that failed changed
nothing, and one that makes nothing (a search, an export) can be repeated: their keys are free again.

Both digests are keyed by something that only the person's open session has, so that they confirm no guess at a number
or a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from flask import Flask, Response, g, request
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from vault.clock import read_clock
from vault.crypto.encoding import fields
from vault.crypto.kdf import hkdf, hmac_sha256, sha256
from vault.crypto.secret import compare
from vault.errors import Conflict, Invalid
from vault.web.acting import actor, runtime
from vault.web.csrf import MOST_BODY, MULTIPART
from vault.web.remembered import RememberedRequest

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
LABEL = b"casevault-v1/idempotency\0"
KEPT = timedelta(hours=24)
LONGEST = 200
REMEMBERED = frozenset({201, 204, 207})
"""Good answers of requests that made or changed something."""
UNDONE = frozenset({503, 507})
"""Answers above 500 that say for certain that nothing was done."""
OF_THE_MOMENT = frozenset(
    {
        *("api_people.begin_session", "api_people.prove_factor", "api_people.challenge"),
        *("api_people.answer_step_up", "api_bundles.unlock", "api_bundles.lock"),
    }
)
"""What is true of a session for a while only; an old answer would mislead."""


@dataclass(frozen=True)
class Asked:
    """This request under its key."""

    person_id: UUID
    key_digest: bytes
    request_digest: bytes


def install(app: Flask) -> None:
    """Look at the key before the view runs, and keep its answer. The request's actor must be known by then."""
    app.before_request(_recall)
    app.after_request(_keep)


def takes_key(endpoint: str, method: str) -> bool:
    """Whether the key counts for this resource."""
    return method == "POST" and endpoint.startswith("api_") and endpoint not in OF_THE_MOMENT


def _recall() -> Response | None:
    asked = _asked()
    found = _begin(asked) if asked else None
    if asked is None or found is None:
        g.idempotency = asked
        return None
    if not compare(found.request_digest, asked.request_digest):
        raise Conflict("This Idempotency-Key was used for another request.")
    if found.status is None:
        raise Conflict("The first request with this Idempotency-Key has not ended. See whether it was done.")
    response = Response(status=found.status)
    response.headers[REPLAYED] = "true"
    if found.location:
        response.headers["Location"] = found.location
    return response


def _asked() -> Asked | None:
    key, session, person_id = request.headers.get(HEADER), actor().session, actor().id
    if (
        key is None
        or session is None
        or person_id is None
        or not takes_key(request.endpoint or "", request.method)
    ):
        return None
    if request.mimetype == MULTIPART:
        raise Invalid("Files take no Idempotency-Key: a file that is there already is named in `same_as`.")
    if not (1 <= len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise Invalid(f"An Idempotency-Key has 1 to {LONGEST} printable ASCII characters.")
    request.max_content_length = MOST_BODY
    mac_key = hkdf(session.seed.reveal(), b"", LABEL)
    asked = fields(request.full_path.encode(), request.mimetype.encode(), sha256(request.get_data()))
    key_digest = hmac_sha256(mac_key, fields(b"key", key.encode()))
    return Asked(person_id, key_digest, hmac_sha256(mac_key, fields(b"request", asked)))


def _begin(asked: Asked) -> RememberedRequest | None:
    """What is known under the key; None when it is new, and then it stands for this request."""
    vault = runtime()
    try:
        with vault.session() as session:
            now = read_clock(session, vault.clock).now
            session.execute(delete(RememberedRequest).where(RememberedRequest.begun_at <= now - KEPT))
            found = session.get(RememberedRequest, (asked.person_id, asked.key_digest))
            if found is None:
                row = RememberedRequest(
                    person_id=asked.person_id,
                    key_digest=asked.key_digest,
                    request_digest=asked.request_digest,
                )
                row.begun_at = now
                session.add(row)
    except IntegrityError:
        raise Conflict("The first request with this Idempotency-Key has not ended.") from None
    return found


def _keep(response: Response) -> Response:
    asked: Asked | None = g.pop("idempotency", None)
    if asked is None or (response.status_code >= 500 and response.status_code not in UNDONE):
        return response
    with runtime().session() as session:
        row = session.get(RememberedRequest, (asked.person_id, asked.key_digest))
        if row is not None and response.status_code in REMEMBERED:
            row.status, row.location = response.status_code, response.headers.get("Location")
        elif row is not None:
            session.delete(row)
    return response

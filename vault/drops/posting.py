"""Sending the link of a file request by mail, inside the request that knows its secret; never its password."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.actor import Actor
from vault.access.policy import Permission
from vault.crypto.encoding import b64url
from vault.crypto.secret import Secret
from vault.drops.closures import require_open
from vault.drops.models import FileRequest
from vault.drops.visits import proves
from vault.errors import Conflict, Fault, Gone, Invalid
from vault.languages import language_of, moment
from vault.mail import Letter, NotSent
from vault.people.models import Office
from vault.shares.letters import number_for, write

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Runtime, Transaction


def mail_request(runtime: Runtime, actor: Actor, request_id: UUID, secret: Secret) -> None:
    """Whoever is asked is sent the link. No transaction is open meanwhile; that it was tried is recorded before.

    Errors: `NotFound`, `Refused`, `Conflict` for a link that does not live or that nobody's address is known of, `Invalid`
    for a secret that is not its own, `NotSent` (recorded).
    """
    with runtime.transaction(actor) as tx:
        letter, now = address_request(tx, request_id, secret)
    try:
        runtime.post.send(letter, now)
    except NotSent:
        with runtime.transaction(actor) as tx:
            tx.record("request.mail_failed", tx.session.get_one(FileRequest, request_id), reason="not-sent")
        raise


def address_request(tx: Transaction, request_id: UUID, secret: Secret) -> tuple[Letter, datetime]:
    """The letter to whoever an open request is for, and the instant; it is recorded as mailed."""
    request = tx.load(FileRequest, request_id, Permission.REQUEST_END, lock=True)
    if not proves(request, secret.reveal()):
        raise Invalid("Nothing was sent.", errors=[Fault("/secret", "This is not the link's secret.")])
    if request.email is None:
        raise Conflict("Nobody's address is known for this request. Nothing was sent.")
    try:
        require_open(tx, request)
    except Gone:
        raise Conflict("This link does not work at present. Nothing was sent.") from None
    tx.record("request.mailed", request)
    fields = number_for(tx, request.office_id, request.case_id) | {
        "office": tx.session.get_one(Office, request.office_id).name,
        "until": moment(request.expires_at, language_of(request.language).locale),
        "url": request_url(tx, request, secret),
    }
    said = frozenset({"password"} if request.profile else ())
    return write("request", request.language, request.email, fields, said), tx.now


def request_url(tx: Transaction, request: FileRequest, secret: Secret | None) -> str:
    """The whole link, as it is shown or mailed once; for a program, where it sends to."""
    if secret is None:
        return f"{tx.settings.base_url}/files/requests/{b64url(request.id.bytes)}/"
    return f"{tx.settings.base_url}/r/{b64url(request.id.bytes)}#{b64url(secret.reveal())}"

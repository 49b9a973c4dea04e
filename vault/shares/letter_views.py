"""Sending a link by mail over HTTP: with the link's secret, which the page that shows the link once still has."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.crypto.secret import Secret
from vault.mail import NotSent
from vault.shares.forms import LinkSecret
from vault.shares.letters import link_url
from vault.shares.models import Share
from vault.shares.pages import NewSharePage, new_share_page
from vault.shares.posting import mail_link
from vault.web.acting import actor, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resource on `bp`."""
    bp.post("/shares/<uuid:share_id>/letter")(mail)


@documented(
    "Send a link to its recipient by mail; its password is never mailed",
    body=LinkSecret,
    returns=NewSharePage,
    status=201,
    errors=["invalid", "not-found", "conflict", "link-closed"],
)
@signed_in
def mail(share_id: UUID) -> ResponseReturnValue:
    """The link is on its way, or is shown once more, because no copy of it is kept."""
    secret = Secret(parse(LinkSecret).secret_bytes())
    mailed = sent(share_id, secret)
    with transaction() as tx:
        share = tx.load(Share, share_id, Permission.SHARE_EXTEND)
        page = new_share_page(tx, share, link_url(tx, share, secret))
    page.is_mailed = mailed
    notice = None if speaks_json(request) else "link-mailed"
    onward = url_for(".show", share_id=share_id, notice=notice)
    return respond("shares/made.html", page, status=201, location=onward if mailed else None)


def sent(share_id: UUID, secret: Secret) -> bool:
    """Whether the link was mailed; a failure is for its sender to read, and the link is shown to him."""
    try:
        mail_link(runtime(), actor(), share_id, secret)
    except NotSent:
        return False
    return True

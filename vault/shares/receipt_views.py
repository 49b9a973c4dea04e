"""A recipient's answers over HTTP: received, deleted, not for me. No account, and every step without script."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import STRANGER
from vault.errors import Gone
from vault.shares.forms import LinkSecret
from vault.shares.receipts import attest_deletion, confirm_receipt, disclaim, suspend_for_wrong_person
from vault.shares.visit_pages import visit_page
from vault.shares.visit_views import (
    cookie_of,
    landing,
    named_share,
    speak_to_recipient,
    speak_to_visitor,
    visit_by_cookie,
    visitor_by_cookie,
)
from vault.web import csrf
from vault.web.acting import transaction
from vault.web.respond import parse, respond, shows_form
from vault.web.streams import PLAYABLE

OWN_COOKIE = "the visit's own cookie is not sent from other sites"


def register(pages: Blueprint) -> None:
    """Put the answers beside the recipient's pages."""
    pages.post("/s/<link>/receipt")(receipt)
    pages.post("/s/<link>/wrong-person")(wrong_person)
    pages.get("/s/<link>/deletion")(deletion_form)
    pages.post("/s/<link>/deletion")(deletion)


@csrf.exempt(OWN_COOKIE)
@shows_form(landing, Gone)
def receipt(link: str) -> ResponseReturnValue:
    """Receipt is confirmed."""
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        confirm_receipt(tx, visit)
        page = visit_page(tx, visit, PLAYABLE)
    return respond("shares/documents.html", page, location=url_for(".documents", link=link))


@csrf.exempt(
    "either the link's secret is in the body, or the visit's own cookie, which is not sent from other sites"
)
@shows_form(landing, Gone)
def wrong_person(link: str) -> ResponseReturnValue:
    """The link opens for nobody: by its secret, or by the cookie of a visit."""
    share_id, is_visit = named_share(link), not (request.form or request.data)
    secret = None if is_visit else parse(LinkSecret).secret_bytes()
    if secret is not None:
        speak_to_recipient(share_id, secret)
    with transaction(STRANGER if secret else visitor_by_cookie(link)) as tx:
        if secret is None:
            suspend_for_wrong_person(tx, visit_by_cookie(tx, link).share)
        else:
            disclaim(tx, share_id, secret)
    return respond("shares/disclaimed.html", None)


def deletion_form(link: str) -> ResponseReturnValue:
    """The same page for every link, real or not; whoever comes from a visit reads it in the recipient's language."""
    speak_to_visitor(link)
    return respond("shares/deletion.html", None)


@csrf.exempt("the link's secret is in the body")
@shows_form(deletion_form, Gone)
def deletion(link: str) -> ResponseReturnValue:
    """Deletion is attested; also when the link has ended."""
    speak_to_visitor(link)
    secret, share_id = parse(LinkSecret).secret_bytes(), named_share(link)
    speak_to_recipient(share_id, secret)
    with transaction(STRANGER) as tx:
        attest_deletion(tx, share_id, secret, cookie_of(share_id))
    return respond("shares/deleted.html", None)

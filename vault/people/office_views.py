"""One's own office over HTTP: whether it takes recordings on video, whether its mails carry case numbers, and whether it
stores what was not scanned for viruses.

Its Personal Data Controller decides all three.
"""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.errors import Conflict
from vault.people.approvals import approve_video, own_office, withdraw_video
from vault.people.forms import ApprovalRemark, MailContent, ScanPolicy
from vault.people.mailing import set_numbers_in_mail
from vault.people.models import Office
from vault.people.pages import MailPage, ScanPage, VideoApproval, mail_page, scan_page, video_approval
from vault.people.scanning import require_scan
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/office/video")(video)
    bp.post("/office/video/approval")(approve)
    bp.post("/office/video/withdrawal")(withdraw)
    bp.get("/office/mail")(mail)
    bp.post("/office/mail")(change_mail)
    bp.get("/office/scanning")(scanning)
    bp.post("/office/scanning")(change_scanning)


@documented("Whether your office takes recordings on video", returns=VideoApproval, errors=["forbidden"])
@signed_in
def video() -> ResponseReturnValue:
    """The state of the approval."""
    with transaction() as tx:
        page = video_approval(tx, own_office(tx))
    return respond("people/video.html", page)


@documented(
    "Record that your office approves recordings on video",
    body=ApprovalRemark,
    returns=VideoApproval,
    status=201,
    errors=["conflict", "forbidden"],
)
@signed_in
@shows_form(video, Conflict)
def approve() -> ResponseReturnValue:
    """Video is taken from now on."""
    wanted = parse(ApprovalRemark)
    with transaction() as tx:
        return _answer(tx, approve_video(tx, wanted.remark))


@documented(
    "Withdraw the approval of recordings on video; what was stored stays",
    body=ApprovalRemark,
    returns=VideoApproval,
    status=201,
    errors=["conflict", "forbidden"],
)
@signed_in
@shows_form(video, Conflict)
def withdraw() -> ResponseReturnValue:
    """No further video is taken."""
    wanted = parse(ApprovalRemark)
    with transaction() as tx:
        return _answer(tx, withdraw_video(tx, wanted.remark))


def _answer(tx: Transaction, office: Office) -> ResponseReturnValue:
    onward = url_for("api_people.video") if speaks_json(request) else url_for("people.video", notice="saved")
    return respond("people/video.html", video_approval(tx, office), location=onward)


@documented("What the mails of your office may carry", returns=MailPage, errors=["forbidden"])
@signed_in
def mail() -> ResponseReturnValue:
    """Whether case numbers are among it."""
    with transaction() as tx:
        page = mail_page(tx, own_office(tx))
    return respond("people/office_mail.html", page)


@documented(
    "Let case numbers into the mails of your office, or keep them out",
    body=MailContent,
    returns=MailPage,
    status=201,
    errors=["forbidden"],
)
@signed_in
@shows_form(mail)
def change_mail() -> ResponseReturnValue:
    """Decided, for every mail from now on."""
    wanted = parse(MailContent)
    with transaction() as tx:
        page = mail_page(tx, set_numbers_in_mail(tx, wanted.case_numbers))
    onward = url_for("api_people.mail") if speaks_json(request) else url_for("people.mail", notice="saved")
    return respond("people/office_mail.html", page, location=onward)


@documented("What your office does with files that were not scanned", returns=ScanPage, errors=["forbidden"])
@signed_in
def scanning() -> ResponseReturnValue:
    """Whether it stores them."""
    with transaction() as tx:
        page = scan_page(tx, own_office(tx))
    return respond("people/office_scanning.html", page)


@documented(
    "Store nothing that the virus scanner has not seen, or store it as not scanned",
    body=ScanPolicy,
    returns=ScanPage,
    status=201,
    errors=["forbidden"],
)
@signed_in
@shows_form(scanning)
def change_scanning() -> ResponseReturnValue:
    """Decided, for every file from now on."""
    wanted = parse(ScanPolicy)
    with transaction() as tx:
        page = scan_page(tx, require_scan(tx, wanted.required))
    place = "api_people.scanning" if speaks_json(request) else "people.scanning"
    onward = url_for(place) if speaks_json(request) else url_for(place, notice="saved")
    return respond("people/office_scanning.html", page, location=onward)

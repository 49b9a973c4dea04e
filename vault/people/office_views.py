"""One's own office over HTTP: whether it takes recordings on video, which its Personal Data Controller decides."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.errors import Conflict
from vault.people.approvals import approve_video, own_office, withdraw_video
from vault.people.forms import ApprovalRemark
from vault.people.models import Office
from vault.people.pages import VideoApproval, video_approval
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

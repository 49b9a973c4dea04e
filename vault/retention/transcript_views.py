"""Comparing transcripts with a recording, over HTTP."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.bundles.document_views import leads_to_password
from vault.bundles.opening import OpenBundle
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.retention.forms import Comparison
from vault.retention.transcripts import (
    Beside,
    beside_of,
    name_of_verifier,
    open_recording_of,
    verify_transcript,
)
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


class ComparedRow(BaseModel):
    """A transcript beside the recording; `verified_at` is null until somebody has compared its newest version."""

    document_id: UUID
    title: str
    version: int
    stored_at: datetime
    verified_by: str | None
    verified_at: datetime | None
    may_verify: bool


class ComparedPage(BaseModel):
    """A recording and the transcripts beside it."""

    document_id: UUID
    title: str
    case_number: str
    items: list[ComparedRow]


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/documents/<uuid:document_id>/transcripts")(transcripts)
    bp.post("/documents/<uuid:document_id>/transcripts/verification")(verify)


@documented(
    "The transcripts beside a recording, and who has compared them with it",
    returns=ComparedPage,
    errors=["not-found", "bundle-locked"],
)
@signed_in
@leads_to_password
def transcripts(document_id: UUID) -> ResponseReturnValue:
    """Oldest first."""
    with transaction() as tx:
        page = _page(tx, document_id)
    return respond("retention/transcripts.html", page)


@documented(
    "Say that you have compared a transcript with the recording, and that it is whole",
    body=Comparison,
    returns=ComparedPage,
    status=201,
    errors=["not-found", "bundle-locked", "forbidden", "conflict"],
)
@signed_in
@shows_form(transcripts, Conflict, Refused)
def verify(document_id: UUID) -> ResponseReturnValue:
    """It counts while that version is the newest."""
    wanted = parse(Comparison)
    with transaction() as tx:
        verify_transcript(tx, document_id, wanted.transcript)
        page = _page(tx, document_id)
    place = "api_retention.transcripts" if speaks_json(request) else "retention.transcripts"
    notice = None if speaks_json(request) else "saved"
    here = url_for(place, document_id=document_id, notice=notice)
    return respond("retention/transcripts.html", page, location=here)


def _page(tx: Transaction, document_id: UUID) -> ComparedPage:
    recording, opened = open_recording_of(tx, document_id)
    return ComparedPage(
        document_id=recording.id,
        title=opened.title_of(recording),
        case_number=tx.session.get_one(Case, recording.case_id).number,
        items=[_row(tx, opened, each) for each in beside_of(tx, [recording])[recording.id]],
    )


def _row(tx: Transaction, opened: OpenBundle, each: Beside) -> ComparedRow:
    is_own = each.version.owner_id == tx.actor.id
    return ComparedRow(
        document_id=each.transcript.id,
        title=opened.title_of(each.transcript),
        version=each.version.number,
        stored_at=each.version.deposited_at,
        verified_by=name_of_verifier(tx, each.check) if each.check else None,
        verified_at=each.check.verified_at if each.check else None,
        may_verify=each.check is None and not is_own and tx.actor.kind == "person",
    )

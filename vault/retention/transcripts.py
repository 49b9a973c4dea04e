"""Transcripts compared with their recordings: somebody other than who stored one has read and heard both.

What was compared is one version. It counts while that is the transcript's newest, not withdrawn, and beside the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from vault.access.policy import Permission
from vault.archive.checklist import is_transcript_of
from vault.bundles.document_types import RECORDING
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.errors import Conflict, NotFound, Refused
from vault.people.models import Person
from vault.retention.models import TranscriptCheck
from vault.transfers.transcripts import TRANSCRIPT

if TYPE_CHECKING:
    from vault.runtime import Transaction

OWN = "Somebody else must compare a transcript that you stored."


class Beside(NamedTuple):
    """A transcript beside a recording, its newest version, and who has compared that with the recording, if somebody has."""

    transcript: Document
    version: Version
    check: TranscriptCheck | None


def verify_transcript(tx: Transaction, recording_id: UUID, transcript_id: UUID) -> TranscriptCheck:
    """The actor says that this is what the recording holds, whole. The bundle is open.

    Errors: `NotFound`, `BundleLocked`; `Refused` for whoever stored it, and for programs; `Conflict` for what is no
    transcript of this recording, or was compared already.
    """
    recording, _ = open_recording_of(tx, recording_id)
    tx.load(Document, transcript_id, Permission.DOCUMENT_READ)
    beside = next(
        (each for each in beside_of(tx, [recording])[recording.id] if each[0].id == transcript_id), None
    )
    if beside is None:
        raise Conflict(
            "This is no transcript of this recording: it lies elsewhere, is about others, or is withdrawn."
        )
    if tx.actor.kind != "person":
        raise Refused("A person compares them. No program does.")
    if beside.version.owner_id == tx.actor.id:
        raise Refused(OWN)
    if beside.check is not None:
        raise Conflict("This version was compared already.")
    check = tx.add(
        TranscriptCheck(
            recording_id=recording.id,
            version_id=beside.version.id,
            stored_by_id=beside.version.owner_id,
            verified_by_id=tx.actor.id,
            verified_at=tx.now,
        )
    )
    tx.record("transcript.verified", recording, transcript=transcript_id, version=beside.version.id)
    return check


def open_recording_of(tx: Transaction, recording_id: UUID) -> tuple[Document, OpenBundle]:
    """A recording that the actor may read, in a bundle that is open; `NotFound` for any other document."""
    recording = tx.load(Document, recording_id, Permission.DOCUMENT_READ)
    if recording.kind != RECORDING:
        raise NotFound
    return recording, open_bundle(tx, tx.load(Bundle, recording.bundle_id, Permission.BUNDLE_OPEN))


def beside_of(tx: Transaction, recordings: Sequence[Document]) -> dict[UUID, list[Beside]]:
    """For each recording the transcripts beside it that are not withdrawn, oldest first."""
    found: dict[UUID, list[Beside]] = {each.id: [] for each in recordings}
    if not recordings:
        return found
    query = (
        select(Document, Version)
        .join(Version, (Version.document_id == Document.id) & (Version.number == Document.current_number))
        .where(
            Document.bundle_id.in_({each.bundle_id for each in recordings}),
            Document.document_type == TRANSCRIPT,
            Document.withdrawn_at.is_(None),
        )
        .options(selectinload(Document.individuals))
        .order_by(Document.created_at, Document.id)
    )
    transcripts = tx.session.execute(query).all()
    checks = _checks(tx, list(found))
    for recording in recordings:
        found[recording.id] = [
            Beside(transcript, version, checks.get((recording.id, version.id)))
            for transcript, version in transcripts
            if is_transcript_of(transcript, recording)
        ]
    return found


def transcribed_at(tx: Transaction, recordings: Sequence[Document]) -> dict[UUID, datetime]:
    """For each recording with a transcript beside it: when the first one was stored."""
    return {
        recording_id: beside[0].transcript.created_at
        for recording_id, beside in beside_of(tx, recordings).items()
        if beside
    }


def verified_at(tx: Transaction, recordings: Sequence[Document]) -> dict[UUID, datetime]:
    """For each recording with a transcript that was compared with it: when, for the first time that counts."""
    found = {}
    for recording_id, beside in beside_of(tx, recordings).items():
        moments = [each.check.verified_at for each in beside if each.check is not None]
        if moments:
            found[recording_id] = min(moments)
    return found


def name_of_verifier(tx: Transaction, check: TranscriptCheck) -> str:
    """Who has compared them."""
    return tx.session.get_one(Person, check.verified_by_id).display_name


def _checks(tx: Transaction, recording_ids: Sequence[UUID]) -> dict[tuple[UUID, UUID], TranscriptCheck]:
    rows = tx.session.scalars(select(TranscriptCheck).where(TranscriptCheck.recording_id.in_(recording_ids)))
    return {(row.recording_id, row.version_id): row for row in rows}

"""What a link's recipient is shown, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Document, Version
from vault.cases.models import Case
from vault.crypto.locks import unlock_text
from vault.inspection.findings import Findings, findings_of
from vault.people.models import Office
from vault.settings import Settings
from vault.shares.codes import AGAIN_AFTER
from vault.shares.models import SharedDocument
from vault.shares.modes import is_shown
from vault.shares.reading import way_to
from vault.shares.visits import Visit

if TYPE_CHECKING:
    from vault.runtime import Transaction


class LentPage(BaseModel):
    """A document as the recipient sees it; `n` counts from 1, `length` is in bytes. What is playable has a player, what
    `can_look` has pages. `way`: as a file, as a PDF that is stamped for each download, as pages or in pieces alone."""

    n: int
    title: str
    file_name: str
    document_type: str
    type_name: str
    media_type: str
    length: int
    is_playable: bool
    can_look: bool
    way: str | None
    inspection: Findings


class VisitPage(BaseModel):
    """What a recipient sees after opening a link. Until `rejoin_until` coming back costs no opening."""

    id: UUID
    office: str
    case_number: str
    mode: str
    expires_at: datetime
    rejoin_until: datetime
    openings_left: int
    received_at: datetime | None
    items: list[LentPage]


class LookPage(BaseModel):
    """One page of a document: `number` of `count`, and its words, for whoever cannot see the picture of it."""

    n: int
    title: str
    number: int
    count: int
    text: str
    stamp: list[str]


class CodePage(BaseModel):
    """A code was asked for: how long it is good, and when the next may be asked for, in seconds."""

    valid_for: int
    again_after: int


def code_page(settings: Settings) -> CodePage:
    """What is said to whoever asked for a code, whether or not the address was the recipient's."""
    life = int(settings.code_life.total_seconds())
    return CodePage(valid_for=life, again_after=int(AGAIN_AFTER.total_seconds()))


def visit_page(tx: Transaction, visit: Visit, playable: Container[str]) -> VisitPage:
    """The list of files that the recipient may read; `playable` are the media types that browsers play."""
    share = visit.share
    return VisitPage(
        id=share.id,
        office=tx.session.get_one(Office, share.office_id).name,
        case_number=tx.session.get_one(Case, share.case_id).number,
        mode=share.mode,
        expires_at=share.expires_at,
        rejoin_until=min(visit.opening.ends_at, share.expires_at),
        openings_left=share.max_openings - share.openings,
        received_at=share.received_at,
        items=[lent_page(tx, visit, lent, playable) for lent in share.documents],
    )


def lent_page(tx: Transaction, visit: Visit, lent: SharedDocument, playable: Container[str]) -> LentPage:
    """One file, its names opened with the link's key."""
    document = tx.session.get_one(Document, lent.document_id)
    version = tx.session.get_one(Version, lent.version_id)
    key, holder = visit.key.reveal(), visit.share.id
    return LentPage(
        n=lent.position,
        title=unlock_text(key, holder, "document.title", document.id, lent.title_lock),
        file_name=unlock_text(key, holder, "version.file_name", version.id, lent.file_name_lock),
        document_type=lent.document_type,
        type_name=DOCUMENT_TYPES[lent.document_type].name,
        media_type=version.media_type,
        length=version.length,
        is_playable=document.kind == "recording" and version.media_type in playable,
        can_look=is_shown(version.extension),
        way=way_to(tx, visit, lent),
        inspection=findings_of(tx.session, [version.id])[version.id],
    )

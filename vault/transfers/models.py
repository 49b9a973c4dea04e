"""Tables of transfers: unfinished uploads, what was read, and the inventory of copies that left."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from vault.db import Number, Row


class Upload(Row):
    """A file on its way in. The id is that of the version it becomes; `document_id` that of its document.

    `is_new_document` tells whether the document is made on completion or gets a further version. A resumable upload
    has a `length`, in bytes of plaintext; `offset` of them are acknowledged: whole chunks in the store, the rest in
    `tail_lock`. `revision` grows with each piece, so of two writers one is refused. A form's upload has none of these.

    What somebody sends who cannot open the bundle (`vault/drops`) has the key number 0: it lies under no bundle's key, is no
    member's upload, and `owner_id` is the member who asked for it.
    """

    __tablename__ = "uploads"

    document_id: Mapped[UUID] = mapped_column(index=True)
    is_new_document: Mapped[bool]
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    document_type: Mapped[str] = mapped_column(String(40))
    language: Mapped[str | None] = mapped_column(String(20))
    individual_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    title_lock: Mapped[bytes] = mapped_column(LargeBinary)
    file_name_lock: Mapped[bytes] = mapped_column(LargeBinary)
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    file_lock: Mapped[bytes] = mapped_column(LargeBinary)
    key_number: Mapped[int]
    head: Mapped[bytes] = mapped_column(LargeBinary)
    object_name: Mapped[str] = mapped_column(String(80), unique=True)
    stale_object_name: Mapped[str | None] = mapped_column(String(80))
    length: Mapped[int | None] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    tail_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    media_type: Mapped[str | None] = mapped_column(String(80))
    digest_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    fingerprint_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    refusal: Mapped[str | None] = mapped_column(String(40))
    begun_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    completed_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]


BY_MEMBER = Upload.key_number > 0
"""True for the uploads of members, who have the bundle open."""


class Reading(Row):
    """Which parts of a version were served, to whom: [[start, end], …] in bytes of plaintext, both inclusive."""

    __tablename__ = "readings"

    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    reader_kind: Mapped[str] = mapped_column(String(20))
    reader_id: Mapped[UUID] = mapped_column(index=True)
    session_id: Mapped[UUID | None] = mapped_column(index=True)
    ranges: Mapped[list[list[int]]] = mapped_column(JSON, default=list)
    bytes_served: Mapped[int] = mapped_column(Number, default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


EXPORT, ARCHIVE, TRANSFER = "export", "archive", "transfer"


class CopyMade(Row):
    """The inventory of copies: a header that lets a file key leave the system, for whom, by whom.

    `purpose`: an export, for keys that somebody named; an archival package, for archive identities, by their ids; or the
    transfer, by its id, of such a package to a records repository, whose headers are the same.
    """

    __tablename__ = "copies_made"

    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(20))
    recipients: Mapped[list[str]] = mapped_column(JSON)
    owner_id: Mapped[UUID]
    made_at: Mapped[datetime]

"""Export: the stored object under a real age header leaves as an ordinary age file, for named recipients.

Nothing is encrypted anew. Whoever holds one of the recipients' identities reads the file for ever: so it is an event,
and a row in the inventory of copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.bundles.document_types import is_permanent
from vault.crypto.header import age_header
from vault.crypto.identity import parse_recipient
from vault.crypto.marks import fingerprint_words
from vault.errors import Conflict, Fault, Invalid
from vault.people.step_up import Act, require_step_up
from vault.transfers.models import EXPORT, CopyMade
from vault.transfers.reading import Content, open_content

if TYPE_CHECKING:
    from vault.runtime import Transaction

DISPOSABLE = (
    "Recordings and temporary copies are not exported: they are disposed of one day, and an export cannot be."
)


def export_version(
    tx: Transaction, document_id: UUID, recipients: Sequence[str], number: int | None = None
) -> tuple[Content, bytes]:
    """The version's content and the age header that lets these recipients open it.

    Errors: `NotFound`, `Refused`, `BundleLocked`, `Tampered`; `Conflict` for what may be disposed of one day, since
    an export could not be; `StepUpDue`; `Invalid` for recipients that are none, of two kinds, or
    not 1 to 10.
    """
    content, _opened = open_content(tx, document_id, number, Permission.DOCUMENT_EXPORT)
    if content.document.withdrawn_at is not None:
        raise Conflict("A withdrawn document is not exported.")
    if not is_permanent(content.document.document_type):
        raise Conflict(DISPOSABLE)
    header = _header(content, recipients)
    require_step_up(tx, _act(content, recipients))
    version = content.version
    copy = tx.add(
        CopyMade(
            version_id=version.id,
            bundle_id=version.bundle_id,
            office_id=version.office_id,
            purpose=EXPORT,
            recipients=list(recipients),
            owner_id=tx.actor.id,
            made_at=tx.now,
        )
    )
    tx.record(
        "document.exported",
        content.document,
        version=version.id,
        number=version.number,
        copy=copy.id,
        recipients=len(recipients),
        fingerprints=[fingerprint(recipient) for recipient in recipients],
    )
    return content, header


def _act(content: Content, recipients: Sequence[str]) -> Act:
    """What the page shows: the file, and the words of each recipient's key; the whole keys are bound."""
    keys = tuple(("Key", fingerprint(recipient)) for recipient in recipients)
    facts = (("File", f"{content.file_name}.age"), *keys)
    sentence = "Export this document as an encrypted file"
    return Act("document.export", sentence, content.version.id, facts, tuple(recipients))


def _header(content: Content, recipients: Sequence[str]) -> bytes:
    try:
        return age_header(content.file_key.reveal(), recipients)
    except Invalid as error:
        raise Invalid(error.message, errors=[Fault("/recipients", error.message)]) from None


def fingerprint(recipient: str) -> str:
    """Six words of a recipient's public key, joined by dashes, for two people to compare."""
    return "-".join(fingerprint_words(parse_recipient(recipient).public_key))

"""The receipt that a records repository gives for what was delivered to it: read, and compared with that.

Whoever gives it writes JSON (docs/packages.md says how), or somebody types it in. It counts if the digests are those of the
delivered submission; a signature, where there is one, has to be right by the key beside it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from vault.access.signing import RECEIPT, signed_bytes
from vault.archive.canonical import canonical
from vault.archive.transfer_models import PackageTransfer
from vault.crypto.encoding import unb64
from vault.crypto.signature import verify
from vault.errors import Fault, Tampered, VaultError, WrongReceipt

LONGEST = 64 * 1024
"""Bytes of a receipt."""
SLACK = timedelta(days=1)
"""A day begins elsewhere up to so much earlier or later."""
SENTENCES = {
    "unreadable": "This is not a receipt as the vault reads it.",
    "other-package": "This receipt is for another package.",
    "other-digest": "This is not the digest of what was delivered.",
    "wrong-date": "This day is not between the delivery and today.",
    "wrong-signature": "The signature does not fit the key and the receipt.",
}

OneLine = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$")
]
Number = Annotated[OneLine, Field(max_length=80)]
Receiver = Annotated[OneLine, Field(max_length=200)]
Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hex512 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


@dataclass(frozen=True)
class Accession:
    """What a receipt says; digests in hex, one of them at least. `package` is None where it names none."""

    number: str
    receiver: str
    received_on: date
    sha256: str | None
    sha512: str | None = None
    package: str | None = None
    key: bytes | None = None
    signature: bytes | None = None


class _Laid(BaseModel):
    """The file beside the submission."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["casevault-accession/1"]
    package: Annotated[str, Field(max_length=80)]
    accession_number: Number
    receiver: Receiver
    received_at: AwareDatetime
    sha256: Hex256 | None = None
    sha512: Hex512 | None = None
    key: Annotated[str, Field(max_length=43)] | None = None
    signature: Annotated[str, Field(max_length=86)] | None = None


def read_accession(content: bytes) -> Accession:
    """What lies at the drop; `WrongReceipt` for what is no receipt, or is signed by another key than it says."""
    try:
        laid = _Laid.model_validate_json(content, strict=True)
        received_on = laid.received_at.astimezone(UTC).date()
        key, signature = (unb64(text) if text else None for text in (laid.key, laid.signature))
    except (ValidationError, OverflowError, ValueError, VaultError):
        raise wrong("unreadable") from None
    if (key is None) != (signature is None):
        raise wrong("wrong-signature")
    if key is not None and signature is not None:
        _check_signature(content, key, signature)
    return Accession(
        laid.accession_number,
        laid.receiver,
        received_on,
        laid.sha256,
        laid.sha512,
        laid.package,
        key,
        signature,
    )


def check_accession(row: PackageTransfer, accession: Accession, today: date) -> None:
    """`WrongReceipt` unless it is for what was delivered."""
    if accession.package not in (None, row.name):
        raise wrong("other-package", "/package")
    if accession.sha256 is None and accession.sha512 is None:
        raise wrong("other-digest", "/sha256")
    for name in ("sha256", "sha512"):
        said, delivered = getattr(accession, name), getattr(row, name)
        if said is not None and (delivered is None or said != delivered.hex()):
            raise wrong("other-digest", f"/{name}")
    earliest = row.delivered_at.date() - SLACK if row.delivered_at is not None else date.max
    if not earliest <= accession.received_on <= today + SLACK:
        raise wrong("wrong-date", "/received_on")


def wrong(reason: str, pointer: str = "") -> WrongReceipt:
    """The refusal of a receipt, and which field is at fault."""
    said = SENTENCES[reason]
    return WrongReceipt(reason, said, errors=[Fault(pointer, said)] if pointer else ())


def signed_text(values: dict[str, object]) -> bytes:
    """What a receiver signs: all of the receipt but key and signature, in one spelling, behind the label of receipts."""
    bare = {name: value for name, value in values.items() if name not in ("key", "signature")}
    return signed_bytes(RECEIPT, canonical(bare))


def _check_signature(content: bytes, key: bytes, signature: bytes) -> None:
    """It was read before, so it is one flat object."""
    try:
        verify(key, signed_text(json.loads(content)), signature)
    except Tampered:
        raise wrong("wrong-signature") from None

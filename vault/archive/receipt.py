"""The receipt of a package: what was stored, in one spelling, so that it can be signed and compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from vault.archive.canonical import canonical, read_canonical
from vault.archive.package import DisposalClass, Package, read_time, written_time
from vault.archive.packing import Written
from vault.errors import Tampered

FORMAT = "casevault-receipt/1"


@dataclass(frozen=True)
class Receipt:
    """One tar: which package it is, its bytes and digests (hex), and bytes and number of its payload (`oxum`)."""

    package_id: UUID
    version: int
    name: str
    disposal: DisposalClass
    organisation: str
    agent: str
    packaged_at: datetime
    size: int
    sha256: str
    sha512: str
    oxum: str


def receipt_of(package: Package, written: Written) -> Receipt:
    """The receipt of what was just written."""
    return Receipt(
        package_id=package.id,
        version=package.version,
        name=written.name,
        disposal=package.disposal,
        organisation=package.organisation,
        agent=" ".join(package.agent),
        packaged_at=package.packaged_at,
        size=written.tar.size,
        sha256=written.tar.sha256,
        sha512=written.tar.sha512,
        oxum=written.oxum,
    )


def write_receipt(receipt: Receipt) -> bytes:
    """One line of canonical JSON."""
    values = asdict(receipt) | {
        "format": FORMAT,
        "package_id": str(receipt.package_id),
        "disposal": receipt.disposal.value,
        "packaged_at": written_time(receipt.packaged_at),
    }
    return canonical(values)


def read_receipt(content: bytes) -> Receipt:
    """What `write_receipt` wrote; `Tampered` for anything else."""
    values = read_canonical(content)
    try:
        if values.pop("format") != FORMAT:
            raise Tampered
        known = {
            "package_id": UUID(values["package_id"]),
            "disposal": DisposalClass(values["disposal"]),
            "packaged_at": read_time(values["packaged_at"]),
        }
        receipt = Receipt(**values | known)
        same = write_receipt(receipt) == content
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Tampered from None
    if not same:
        raise Tampered
    return receipt

"""Commands about the archive: `casevault archive status|verify`, `casevault certificate verify`. The first two show ids,
states, sizes and times; no case number.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from sqlalchemy import select

from vault.archive.certificates import check_certificate
from vault.archive.models import ARCHIVED, RECEIPTED, ArchivalPackage, PackageCopy
from vault.archive.packaging import check_whole, code_of
from vault.archive.receipting import check_laid
from vault.commands import JSON, tell
from vault.crypto.encoding import b64, unb64
from vault.errors import Tampered, VaultError
from vault.stores import archive_of

if TYPE_CHECKING:
    from vault.runtime import Runtime
    from vault.store.archive import Archive


@click.group()
def archive() -> None:
    """Packages of closed cases."""


@archive.command("status")
@JSON
@click.pass_obj
def archive_status(context: Any, as_json: bool) -> None:
    """The packages and how far each is, newest first; exit 1 if one has stopped at something."""
    with context.runtime.session() as session:
        newest = select(ArchivalPackage).order_by(ArchivalPackage.packaged_at.desc(), ArchivalPackage.id)
        rows = session.scalars(newest).all()
    tell([_told(row) | {"error": row.error_code} for row in rows], as_json)
    sys.exit(any(row.error_code for row in rows))


@archive.command("verify")
@JSON
@click.pass_obj
def archive_verify(context: Any, as_json: bool) -> None:
    """Read every package in the archive back whole, and its receipt; exit 1 if one is not what was stored."""
    runtime = context.runtime
    with runtime.session() as session:
        kept = select(ArchivalPackage, PackageCopy).join(
            PackageCopy, PackageCopy.package_id == ArchivalPackage.id
        )
        kept = kept.where(ArchivalPackage.state.in_((RECEIPTED, ARCHIVED)))
        found = session.execute(kept.order_by(ArchivalPackage.packaged_at, ArchivalPackage.id)).all()
    place = archive_of(runtime)
    told = [_told(row) | {"error": _fault_of(runtime, place, row, copy)} for row, copy in found]
    tell(told, as_json)
    sys.exit(any(each["error"] for each in told))


@click.group()
def certificate() -> None:
    """Certificates of what was removed or disposed of."""


@certificate.command("verify")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--key", default="", help="The public key of the vault, base64; else the one that the file names."
)
@JSON
def certificate_verify(file: BinaryIO, key: str, as_json: bool) -> None:
    """Check a certificate without the vault: exit 0 if it is signed as it stands, 1 if not. Compare the key that is told."""
    try:
        said, signer = check_certificate(file.read(), unb64(key) if key else None)
    except Tampered:
        raise Tampered("This is no certificate, or it was changed, or another key has signed it.") from None
    heading = {name: said[name] for name in ("number", "kind", "issued_at")}
    tell(heading | {"files": len(said["removed"]), "key": b64(signer)}, as_json)


def _told(row: ArchivalPackage) -> dict[str, Any]:
    return {"package": str(row.id), "object": row.object_name, "state": row.state, "size": row.size}


def _fault_of(runtime: Runtime, place: Archive, row: ArchivalPackage, copy: PackageCopy) -> str | None:
    """What is wrong with it, as a code."""
    try:
        check_whole(row, place.read_version(copy.object_name, copy.store_version, 0, row.size or 0))
        if row.state == ARCHIVED:
            with runtime.session() as session:
                check_laid(session, place, row)
    except VaultError as fault:
        return code_of(fault)
    return None

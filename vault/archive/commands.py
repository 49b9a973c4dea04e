"""Commands: `casevault archive status|verify`, `fixity run`, `certificate verify`. The first three show ids, states and
sizes, no case number.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import UUID

import click
from sqlalchemy import select

from vault.archive.certificates import check_certificate, check_pair
from vault.archive.copies import archive_for
from vault.archive.fixity_runs import found_wrong, run_now
from vault.archive.models import ARCHIVED, RECEIPTED, ArchivalPackage, PackageCopy
from vault.archive.packaging import check_whole, code_of
from vault.archive.receipting import check_laid
from vault.archive.removal_models import PROVISIONAL
from vault.commands import JSON, tell
from vault.crypto.encoding import b64, unb64
from vault.errors import Tampered, VaultError
from vault.stores import archives_of

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
        kept = kept.where(ArchivalPackage.state.in_((RECEIPTED, ARCHIVED)), PackageCopy.lost_at.is_(None))
        found = session.execute(kept.order_by(ArchivalPackage.packaged_at, ArchivalPackage.id)).all()
    archives = archives_of(runtime)
    told = [
        _told(row)
        | {"archive": copy.store, "object": copy.object_name}
        | {"error": _fault_of(runtime, archives, row, copy)}
        for row, copy in found
    ]
    tell(told, as_json)
    sys.exit(any(each["error"] for each in told))


@click.group()
def fixity() -> None:
    """Whether what was stored is still there, whole."""


@fixity.command("run")
@click.option("--deep", is_flag=True, help="Read everything whole, instead of only looking at it.")
@click.option(
    "--package", "package_id", type=click.UUID, help="The copies of this package alone, read whole."
)
@JSON
@click.pass_obj
def fixity_run(context: Any, deep: bool, package_id: UUID | None, as_json: bool) -> None:
    """Check stored files and packages now, and repair what can be; exit 1 if something is not what was stored."""
    runtime = context.runtime
    done = run_now(runtime, deep, package_id)
    with runtime.session() as session:
        found = found_wrong(session, package_id)
    failed = [version for version in found.versions if package_id is None]
    told = {"failed": len(failed) + len(found.copies), "versions": failed, "copies": found.copies}
    told |= {"incidents": found.incidents, "done": done}
    tell(told, as_json)
    sys.exit(bool(failed or found.copies or found.incidents or not done))


class _PublicKey(click.ParamType[bytes]):
    """32 bytes, as 64 hexadecimal digits or as base64."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """The key, or an exit with 2."""
        text = "".join(str(value).split())
        try:
            key = bytes.fromhex(text) if len(text) == 64 else unb64(text)
        except (ValueError, Tampered):
            key = b""
        if len(key) != 32:
            self.fail(
                "A public key has 32 bytes: 64 hexadecimal digits, or 43 letters of base64.", param, ctx
            )
        return key


@click.group()
def certificate() -> None:
    """Certificates of what was removed or disposed of."""


@certificate.command("verify")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--key",
    type=_PublicKey(),
    help="The public key of the vault, hexadecimal or base64; else the one that the file names.",
)
@click.option(
    "--provisional", type=click.File("rb"), help="The provisional certificate that a final one names."
)
@JSON
def certificate_verify(
    file: BinaryIO, key: bytes | None, provisional: BinaryIO | None, as_json: bool
) -> None:
    """Check a certificate without the vault: exit 0 if it is signed as it stands, 1 if not. Compare the key that is told."""
    try:
        said, signer = check_certificate(file.read(), key)
        if provisional is not None:
            check_pair(said, provisional.read(), signer)
    except Tampered:
        raise Tampered("This is no certificate, or it was changed, or another key has signed it.") from None
    heading = {name: said[name] for name in ("number", "kind", "issued_at")}
    heading |= {"stage": said.get("stage", PROVISIONAL), "reason": said.get("reason")}
    files = said["files"] if "files" in said else len(said["removed"])
    tell(heading | {"files": files, "key": b64(signer), "key_hex": signer.hex()}, as_json)


def _told(row: ArchivalPackage) -> dict[str, Any]:
    return {"package": str(row.id), "object": row.object_name, "state": row.state, "size": row.size}


def _fault_of(
    runtime: Runtime, archives: dict[str, Archive], row: ArchivalPackage, copy: PackageCopy
) -> str | None:
    """What is wrong with it, as a code."""
    try:
        place = archive_for(archives, copy.store)
        check_whole(row, place.read_version(copy.object_name, copy.store_version, 0, row.size or 0))
        if row.state == ARCHIVED:
            with runtime.session() as session:
                check_laid(session, place, row)
    except VaultError as fault:
        return code_of(fault)
    return None

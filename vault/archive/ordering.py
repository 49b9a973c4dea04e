"""The order of a retrieval, and the answer to it: small JSON files that whoever holds an archive identity reads and writes.

    {"files": [{"header": …, "id": …, "path": …}, …], "format": "casevault-order/1",
     "index": {"header": …, "path": …}, "order": <retrieval>, "package": {"id": …, "name": …, "sha256": …},
     "recipient": "age1pq1…", "words": …}
    {"files": [{"header": …, "id": …}, …], "format": "casevault-answer/1", "index": <header>,
     "order": <SHA-256 of the order>}

Canonical JSON (`canonical`). Headers are those of age files, as text. In the answer each has one recipient, the order's. An
order holds no secret; the words are the fingerprint of its recipient, to be compared with the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.archive.canonical import canonical
from vault.archive.models import ArchivalPackage, ArchiveHeader, ArchiveIndex
from vault.archive.package import CONTENT, INDEX
from vault.archive.retrieval import waits_too_long, wanted_of
from vault.archive.retrieval_models import COPY, Retrieval
from vault.bundles.drop_keys import make_drop_key, vouched_drop_key
from vault.bundles.models import TIERS, Bundle, Document, Version
from vault.bundles.opening import open_bundle
from vault.cases.models import ACTIVE, IN_ARCHIVE, Case
from vault.crypto.header import parse_header
from vault.crypto.identity import age_recipient
from vault.crypto.kdf import sha256
from vault.crypto.secret import check
from vault.errors import Conflict, NotFound, Tampered
from vault.transfers.exports import fingerprint

if TYPE_CHECKING:
    from vault.runtime import Transaction

ORDER, ANSWER = "casevault-order/1", "casevault-answer/1"
LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; a thousand files take half of it."""


@dataclass(frozen=True)
class Answer:
    """What whoever holds an identity wrote: the digest of the order, the index's header, each file's by its version."""

    order: str
    index: bytes
    files: Mapping[UUID, bytes]


def order_files(tx: Transaction, retrieval_id: UUID, bundle_id: UUID) -> Retrieval:
    """The order exists: the files are to come into this bundle of the case, which the actor has open. It may be made again.

    Errors: `NotFound` for a bundle of another case, `BundleLocked`; `Conflict` unless it is approved and not rewrapped yet,
    for a bundle of a lower tier than a file's, and when the case is not as it was when it was approved.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN, lock=True)
    retrieval = tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE, lock=True)
    if bundle.case_id != retrieval.case_id:
        raise NotFound
    _require_orderable(tx, retrieval, tx.session.get_one(Case, retrieval.case_id))
    if TIERS.index(bundle.tier) < TIERS.index(_highest_tier(tx, retrieval)):
        raise Conflict("Some of the files are strictly confidential. Choose a bundle that is, too.")
    make_drop_key(tx, bundle, open_bundle(tx, bundle).key.reveal())
    recipient = vouched_drop_key(tx, bundle)
    digest = sha256(written_order(tx, retrieval, recipient))
    retrieval.bundle_id, retrieval.recipient, retrieval.order_digest = bundle.id, recipient, digest
    retrieval.ordered_by_id, retrieval.ordered_at = tx.actor.id, tx.now
    tx.session.flush()
    tx.record(
        "retrieval.ordered",
        retrieval,
        order=digest.hex(),
        fingerprint=fingerprint(age_recipient(recipient)),
    )
    return retrieval


def take_order(tx: Transaction, retrieval_id: UUID) -> bytes:
    """The order, to be carried to whoever holds an identity; that it leaves is recorded. `Conflict` while there is none."""
    retrieval = tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE)
    require_ordered(retrieval)
    order = written_order(tx, retrieval, retrieval.recipient or b"")
    check(sha256(order), retrieval.order_digest or b"")
    tx.record("retrieval.order_taken", retrieval, order=sha256(order).hex())
    return order


def require_ordered(retrieval: Retrieval) -> None:
    """`Conflict` unless an order waits for its answer."""
    if retrieval.ordered_at is None or retrieval.dropped_at is not None:
        raise Conflict("There is no order of this retrieval.")
    if retrieval.rewrapped_at is not None:
        raise Conflict("This order was answered already.")


def written_order(tx: Transaction, retrieval: Retrieval, public_key: bytes) -> bytes:
    """The order to open the files for this key, the same bytes each time."""
    package = tx.session.get_one(ArchivalPackage, retrieval.package_id)
    headers = headers_of(tx, package)
    recipient = age_recipient(public_key)
    wanted = [file.version_id for file in wanted_of(tx, retrieval)]
    return canonical(
        {
            "files": [
                {"header": headers[each].decode("ascii"), "id": str(each), "path": f"{CONTENT}/{each}.age"}
                for each in wanted
            ],
            "format": ORDER,
            "index": {"header": _start(index_of(tx, package)).decode("ascii"), "path": INDEX},
            "order": str(retrieval.id),
            "package": {
                "id": str(package.id),
                "name": f"AIP-{package.aip_id}-v{package.version}",
                "sha256": (package.sha256 or b"").hex(),
            },
            "recipient": recipient,
            "words": fingerprint(recipient),
        }
    )


def read_answer(content: bytes) -> Answer:
    """What an answer says; `Tampered` unless it is one, in whatever spelling of JSON."""
    try:
        values = json.loads(content, object_pairs_hook=_once)
        if set(values) != {"files", "format", "index", "order"} or values["format"] != ANSWER:
            raise Tampered
        entries = [(UUID(each["id"]), _text(each["header"])) for each in values["files"] if len(each) == 2]
        if len(entries) != len(values["files"]) or len(dict(entries)) != len(entries):
            raise Tampered
        return Answer(str(values["order"]), _text(values["index"]), dict(entries))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise Tampered from None


def headers_of(tx: Transaction, package: ArchivalPackage) -> dict[UUID, bytes]:
    """The age headers of the package's files, by version."""
    query = select(ArchiveHeader.version_id, ArchiveHeader.header)
    mine = query.where(ArchiveHeader.closure_id == package.closure_id)
    headers: dict[UUID, bytes] = dict(tx.session.execute(mine).all())
    return headers


def index_of(tx: Transaction, package: ArchivalPackage) -> bytes:
    """The package's index, an age file; `Tampered` if it is not what was written at the closing."""
    mine = (ArchiveIndex.closure_id == package.closure_id, ArchiveIndex.disposal == package.disposal)
    row = tx.session.scalars(select(ArchiveIndex).where(*mine)).one()
    index = tx.store.get(row.object_name)
    check(sha256(index), row.object_digest)
    return index


def _start(index: bytes) -> bytes:
    return index[: parse_header(index).size]


def _require_orderable(tx: Transaction, retrieval: Retrieval, case: Case) -> None:
    if retrieval.dropped_at is not None or retrieval.approved_at is None or waits_too_long(tx, retrieval):
        raise Conflict("A second person approves first.")
    if retrieval.rewrapped_at is not None:
        raise Conflict("This order was answered already.")
    if case.state not in (IN_ARCHIVE if retrieval.kind == COPY else (ACTIVE,)):
        raise Conflict("The case is not as it was when this was approved. Ask for the files anew.")


def _highest_tier(tx: Transaction, retrieval: Retrieval) -> str:
    wanted = [file.version_id for file in wanted_of(tx, retrieval)]
    query = select(Document).join(Version, Version.document_id == Document.id).where(Version.id.in_(wanted))
    tiers = [document.highest_tier for document in tx.session.scalars(query)]
    return max(tiers, key=TIERS.index)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def _text(value: str) -> bytes:
    return value.encode("ascii")

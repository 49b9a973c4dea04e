"""Rewrapping: an archive identity opens the file keys of an order, and they are locked for the order's bundle.

Offline, the answer has the keys for the bundle's drop key: a member who has the bundle open brings it in. In a session, the
identity is read once and kept nowhere. Either way each key is proved by the MAC of the header in the package, and from
then on lies as in a drop: in a file lock with a new slot, under a random key that is granted to the drop key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.archive.bringing_back import BRING, key_of
from vault.archive.index import IndexEntry, read_index
from vault.archive.models import ArchivalPackage
from vault.archive.ordering import Answer, headers_of, index_of, read_answer, require_ordered
from vault.archive.retrieval import wanted_of
from vault.archive.retrieval_models import Retrieval, RetrievedFile
from vault.bundles.drop_keys import vouched_drop_key
from vault.bundles.models import Bundle, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.crypto.header import (
    NONCE,
    POINTER,
    Header,
    NoMatch,
    check_header,
    object_head,
    parse_header,
    unwrap,
)
from vault.crypto.identity import Identity, KeyKind, hybrid_identity, parse_identity
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import lock_text
from vault.crypto.marks import drop_seed
from vault.crypto.payload import open_payload
from vault.crypto.secret import Secret, compare
from vault.db import for_change
from vault.drops.keys import TITLE, seal_drop
from vault.errors import Conflict, Fault, Invalid, Tampered
from vault.jobs import hasten
from vault.runtime import refusal_about
from vault.sentences import said

if TYPE_CHECKING:
    from vault.runtime import Transaction

INDEX = UUID(int=0)
"""Stands for the index where keys are held by version."""
OTHER_KEY = "The bundle has a new key since this order was made. Make the order again."
HYBRID = [KeyKind.HYBRID.value]
OFFLINE, IN_SESSION = "offline", "session"


def take_answer(tx: Transaction, retrieval_id: UUID, content: bytes) -> Retrieval:
    """The answer to the order is right in every header, and the files are on their way; else nothing has changed.

    Errors: `Invalid`, recorded, which says what is wrong; `Conflict` without an order, or when its bundle has a new key;
    `NotFound`, `BundleLocked` for who does not have the bundle open.
    """
    bundle = _bundle_of(
        tx, tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE), Permission.BUNDLE_OPEN
    )
    retrieval = tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE, lock=True)
    require_ordered(retrieval)
    identity = _identity_of(retrieval, open_bundle(tx, bundle))
    package = tx.session.get_one(ArchivalPackage, retrieval.package_id)
    made = _made(tx, retrieval, package)
    try:
        answer = read_answer(content)
    except Tampered:
        raise _wrong(retrieval, "answer", "This file is not an answer to an order.", "no-answer") from None
    presented = _presented(retrieval, made, answer)
    keys = {
        each: _own_key(retrieval, number, made[each], presented[each], identity)
        for number, each in enumerate(made)
    }
    return _keep(tx, retrieval, bundle, keys, OFFLINE)


def rewrap_here(tx: Transaction, retrieval_id: UUID, identity: Secret) -> Retrieval:
    """The same with the identity itself, `AGE-SECRET-KEY-PQ-1…` as text, in this request alone.

    Errors: `Invalid`, recorded, for an identity that is none or does not open the package; `Conflict`; `Tampered` when
    nobody vouches for the drop key.
    """
    held = tx.load(Retrieval, retrieval_id, Permission.RETRIEVAL_REWRAP)
    bundle = _bundle_of(tx, held, None)
    retrieval = tx.load(Retrieval, retrieval_id, Permission.RETRIEVAL_REWRAP, lock=True)
    require_ordered(retrieval)
    if not compare(vouched_drop_key(tx, bundle), retrieval.recipient or b""):
        raise Conflict(OTHER_KEY)
    package = tx.session.get_one(ArchivalPackage, retrieval.package_id)
    made, key = _made(tx, retrieval, package), _parsed(retrieval, identity)
    try:
        keys = {each: Secret(unwrap(header, [key])) for each, header in made.items()}
    except NoMatch:
        words = "This identity is none of those that the package was made for."
        raise _wrong(retrieval, "identity", words, "other-identity") from None
    return _keep(tx, retrieval, bundle, keys, IN_SESSION)


def resume_retrieval(tx: Transaction, retrieval_id: UUID) -> Retrieval:
    """Copying that had stopped goes on, now. `Conflict` unless files are to be copied."""
    retrieval = tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE, lock=True)
    if retrieval.rewrapped_at is None or retrieval.copied_at is not None:
        raise Conflict("No files of this retrieval are to be copied.")
    hasten(tx.session, key_of(retrieval.id), tx.now)
    tx.later(BRING, retrieval.id, dedupe_key=key_of(retrieval.id))
    return retrieval


def _bundle_of(tx: Transaction, retrieval: Retrieval, permission: Permission | None) -> Bundle:
    """The bundle of the order, held before the retrieval is: in the order in which who opens it holds them."""
    require_ordered(retrieval)
    if retrieval.bundle_id is None:
        raise Conflict("There is no order of this retrieval.")
    if permission is not None:
        return tx.load(Bundle, retrieval.bundle_id, permission, lock=True)
    held = for_change(Bundle)
    return tx.session.get_one(Bundle, retrieval.bundle_id, with_for_update=held, populate_existing=True)


def _identity_of(retrieval: Retrieval, opened: OpenBundle) -> Identity:
    """The bundle's drop key; `Conflict` if it is not the one of the order."""
    if not compare(opened.bundle.drop_public_key or b"", retrieval.recipient or b""):
        raise Conflict(OTHER_KEY)
    return hybrid_identity(drop_seed(opened.key.reveal()))


def _made(tx: Transaction, retrieval: Retrieval, package: ArchivalPackage) -> dict[UUID, Header]:
    """The headers in the package: of the index, then of each file in order."""
    headers = headers_of(tx, package)
    found = {INDEX: parse_header(index_of(tx, package))}
    return found | {
        file.version_id: parse_header(headers[file.version_id]) for file in wanted_of(tx, retrieval)
    }


def _presented(retrieval: Retrieval, made: Mapping[UUID, Header], answer: Answer) -> dict[UUID, bytes]:
    """The headers of an answer to this order, for just its files."""
    if not compare(answer.order.encode(), (retrieval.order_digest or b"").hex().encode()):
        raise _wrong(retrieval, "answer", "This is the answer to another order.", "other-order")
    presented = {INDEX: answer.index} | dict(answer.files)
    if presented.keys() != made.keys():
        raise _wrong(retrieval, "answer", "The answer is not about the files of this order.", "other-files")
    return presented


def _own_key(retrieval: Retrieval, number: int, made: Header, presented: bytes, identity: Identity) -> Secret:
    """The file key in a header of the answer: for the order's key alone, and the key of the file in the package.

    `number`: of the file in the order, from 1 on; 0 is the index.
    """
    try:
        header = parse_header(presented)
    except Invalid:
        header = None
    if header is None or header.size != len(presented) or [each.kind for each in header.stanzas] != HYBRID:
        words = said(
            "Header %(number)s of the answer is not that of an age file for one hybrid key.", number=number
        )
        raise _wrong(retrieval, "answer", words, "malformed")
    try:
        file_key = unwrap(header, [identity])
    except (Invalid, Tampered):
        words = said(
            "Header %(number)s of the answer is for another key than the order's, or was changed.",
            number=number,
        )
        raise _wrong(retrieval, "answer", words, "other-key") from None
    try:
        check_header(made, file_key)
    except Tampered:
        words = said("Header %(number)s of the answer has the key of another file.", number=number)
        raise _wrong(retrieval, "answer", words, "other-file") from None
    return Secret(file_key)


def _parsed(retrieval: Retrieval, identity: Secret) -> Identity:
    try:
        found = parse_identity(identity.reveal().decode().strip())
    except (Invalid, Tampered, UnicodeDecodeError):
        found = None
    if found is None or found.kind is not KeyKind.HYBRID:
        words = "This is not an archive identity. It begins with AGE-SECRET-KEY-PQ-1."
        raise _wrong(retrieval, "identity", words, "no-identity")
    return found


def _keep(
    tx: Transaction, retrieval: Retrieval, bundle: Bundle, keys: Mapping[UUID, Secret], how: str
) -> Retrieval:
    """Every key lies in locks for the bundle, and a worker copies the files."""
    package, files = tx.session.get_one(ArchivalPackage, retrieval.package_id), wanted_of(tx, retrieval)
    entries = _entries(tx, package, keys[INDEX], files)
    for file in files:
        _lock(tx, bundle, file, keys[file.version_id], entries[file.version_id])
    retrieval.rewrapped_by_id, retrieval.rewrapped_at = tx.actor.id, tx.now
    bundle.arrivals_at = bundle.arrivals_at or tx.now
    tx.session.flush()
    tx.record("retrieval.rewrapped", retrieval, how=how, files=len(files))
    tx.later(BRING, retrieval.id, dedupe_key=key_of(retrieval.id))
    return retrieval


def _entries(
    tx: Transaction, package: ArchivalPackage, index_key: Secret, files: Sequence[RetrievedFile]
) -> dict[UUID, IndexEntry]:
    """What the index says of the files; `Tampered` where it does not know one, or says another length than its row."""
    index = index_of(tx, package)
    sealed = index[parse_header(index).size :]
    found = {
        each.id: each for each in read_index(b"".join(open_payload(index_key.reveal(), [sealed]))).entries
    }
    for file in files:
        version = tx.session.get_one(Version, file.version_id)
        if version.id not in found or found[version.id].length != version.length:
            raise Tampered
    return found


def _lock(tx: Transaction, bundle: Bundle, file: RetrievedFile, key: Secret, entry: IndexEntry) -> None:
    slot, file_key = tx.keystore.create_slot(SlotKind.VERSION, file.id), key.reveal()
    ids = (file.id, file.document_id)
    sealed = seal_drop(tx, bundle, ids, (file_key, slot.key), entry.file_name, entry.sha256)
    file.slot_id, file.sealed_key, file.file_lock = slot.id, sealed.sealed_key, sealed.file_lock
    file.title_lock = lock_text(sealed.drop_key.reveal(), file.id, TITLE, file.document_id, entry.title)
    file.file_name_lock, file.digest_lock = sealed.file_name_lock, sealed.digest_lock
    file.old_start = object_head(file.version_id, file_key, bytes(NONCE))[:POINTER]
    file.new_start = object_head(file.id, file_key, bytes(NONCE))[:POINTER]


def _wrong(retrieval: Retrieval, field: str, message: str, code: str) -> Invalid:
    refusal = refusal_about(retrieval, "retrieval.refused", reason=code)
    return Invalid(message, errors=[Fault(f"/{field}", message)], refusal=refusal)

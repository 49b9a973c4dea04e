"""The kinds of lock, one function each, so that label, halves and context cannot be mixed up.

Each returns a `Lock`; the halves that `close` and `open` take, in this order, and what they keep:

    kms_lock      MK                              an epoch key
    slot_lock     EPK                             a slot
    user_lock     PWK (team or desk: TK), SLK(principal)          USEED
    factor_lock   USEED, SLK(principal)           a TOTP seed
    bundle_lock   AK, SLK(bundle), PPK or NO_PASSWORD             BK
    rescue_lock   E1, E2, SLK(bundle)             BK
    file_lock     BK, SHK or DK; SLK(version)     FK
    tail_lock     marks.tail_key(FK), SLK(version)                the unfinished chunk of an upload
    link_lock     LK, SLK(link)                   SHK
    session_lock  SSK, SLK(subject)               USEED (principal), PPK (bundle) or LK (link)

Texts lie in field locks under one key: `lock_text`, `unlock_text`.
"""

from dataclasses import dataclass
from uuid import UUID

from vault.crypto.encoding import fields, u32, u64
from vault.crypto.kdf import sha256
from vault.crypto.lock import lock, unlock
from vault.errors import Tampered

FIELD_LABELS = frozenset(
    {
        "bookmark.label",
        "bundle.title",
        "certificate.file",
        "document.title",
        "drop.claim_code",
        "drop.receipt",
        "recipient.email",
        "recipient.name",
        "remark.text",
        "request.note",
        "share.document_name",
        "share.document_title",
        "upload.digest",
        "upload.file_name",
        "upload.fingerprint",
        "upload.title",
        "version.file_name",
        "version.plaintext_digest",
    }
)
_BLOCK = 64


@dataclass(frozen=True)
class Lock:
    """One lock of one row: what it is called, how many halves it takes, and what it is bound to."""

    label: str
    parts_count: int
    context: bytes

    def close(self, *parts: bytes, plaintext: bytes) -> bytes:
        """The blob, 81 bytes longer than the plaintext. ValueError unless all halves are there."""
        if len(parts) != self.parts_count:
            raise ValueError(f"a {self.label} lock takes {self.parts_count} halves")
        return lock(self.label, parts, self.context, plaintext)

    def open(self, *parts: bytes, blob: bytes) -> bytes:
        """The plaintext; Tampered unless all halves, the context and the blob are the right ones."""
        if len(parts) != self.parts_count:
            raise Tampered
        return unlock(self.label, parts, self.context, blob)


def kms_lock(deployment_id: UUID, epoch: int) -> Lock:
    """Keeps an epoch key under the local keyring's master key."""
    return Lock("kms", 1, fields(deployment_id.bytes, b"epoch", u32(epoch)))


def slot_lock(slot_id: UUID, kind: int, subject_id: UUID, epoch: int) -> Lock:
    """Keeps a slot under the epoch key; `kind` is a SlotKind."""
    return Lock("slot", 1, fields(slot_id.bytes, bytes([kind]), subject_id.bytes, u32(epoch)))


def user_lock(principal_id: UUID, public_key: bytes) -> Lock:
    """Keeps the seed of a principal's identity. That it opens is the login check."""
    return Lock("user", 2, fields(principal_id.bytes, sha256(public_key)))


def factor_lock(principal_id: UUID, factor_id: UUID) -> Lock:
    """Keeps a TOTP seed: password first, then factor."""
    return Lock("factor", 2, fields(principal_id.bytes, factor_id.bytes))


def bundle_lock(bundle_id: UUID, generation: int) -> Lock:
    """Keeps the bundle key for who has its access key and, if there is one, its password."""
    return Lock("bundle", 3, fields(bundle_id.bytes, u32(generation)))


def rescue_lock(bundle_id: UUID, generation: int) -> Lock:
    """Keeps the bundle key for the two recovery desks together."""
    return Lock("rescue", 3, fields(bundle_id.bytes, u32(generation)))


def file_lock(holder_id: UUID, version_id: UUID, key_number: int) -> Lock:
    """A file key; the holder is a bundle (its key number), a link (0) or, in a drop, the version (0)."""
    return Lock("file", 2, fields(holder_id.bytes, version_id.bytes, u32(key_number)))


def tail_lock(version_id: UUID, offset: int) -> Lock:
    """Keeps the bytes of an upload from `offset` on that do not fill a chunk yet."""
    return Lock("tail", 2, fields(version_id.bytes, u64(offset)))


def link_lock(link_id: UUID, absolute_end: int) -> Lock:
    """Keeps a link's share key; `absolute_end`, in seconds since 1970, is the last moment policy allows."""
    return Lock("link", 2, fields(link_id.bytes, u64(absolute_end)))


def session_lock(session_id: UUID, subject_id: UUID) -> Lock:
    """Keeps for one session what its person, bundle or link needs, as long as the subject's slot lives."""
    return Lock("session", 2, fields(session_id.bytes, subject_id.bytes))


def lock_text(holder_key: bytes, holder_id: UUID, label: str, row_id: UUID, text: str) -> bytes:
    """One text of one row in a field lock, padded to a multiple of 64 bytes. The label is of FIELD_LABELS."""
    content = text.encode() + b"\x80"
    padded = content + bytes(-len(content) % _BLOCK)
    return _field_lock(holder_id, label, row_id).close(holder_key, plaintext=padded)


def unlock_text(holder_key: bytes, holder_id: UUID, label: str, row_id: UUID, blob: bytes) -> str:
    """The text; Tampered for another holder, label or row, and for padding in another form."""
    padded = _field_lock(holder_id, label, row_id).open(holder_key, blob=blob)
    content = padded.rstrip(b"\x00")
    if len(padded) % _BLOCK or len(padded) - len(content) >= _BLOCK or not content.endswith(b"\x80"):
        raise Tampered
    try:
        return content[:-1].decode()
    except UnicodeDecodeError:
        raise Tampered from None


def _field_lock(holder_id: UUID, label: str, row_id: UUID) -> Lock:
    if label not in FIELD_LABELS:
        raise ValueError(f"{label} is not a field label of docs/format.md")
    return Lock("field", 1, fields(holder_id.bytes, label.encode(), row_id.bytes))

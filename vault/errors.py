"""What can go wrong, as one tree. `web/problems.py` alone knows what each means in HTTP.

VaultError
├── Invalid           the request cannot be understood or breaks a rule; `errors` points at the fields
├── Unauthenticated   nobody is signed in, or the password is wrong
│   └── FactorDue     the password was right; the second factor is due
├── Refused           known, but not allowed
│   ├── StepUpDue     allowed, once it is proved again who asks
│   └── ReasonDue     allowed, once it is said why: the case is not assigned to the actor
├── NotFound          absent, or not yours to know about
├── Gone              a link that opens no more (strangers are not told why)
├── Archived          content whose active copy was removed: it lies in the archive
├── Disposed          content that was destroyed, with a certificate
├── UploadEnded       an upload that takes no more bytes: stored, refused, ended or expired
├── Conflict          the world changed under the request
│   └── WrongOffset   bytes that do not follow those that are stored
├── BundleLocked      the bundle's password is due
├── UploadBusy        another request writes the same upload
├── WrongChecksum     a piece that arrived other than it was sent
├── TooLarge          over a size limit
├── WrongType         content that is not accepted, or does not match its name
│   └── Infected      the virus scanner found something in it
├── NotShown          a file that cannot be shown as pages or text; it can be downloaded
├── BadRange          a range that cannot be served
├── TooMany           throttled; `retry_after` seconds
├── Busy              momentarily out of capacity; `retry_after` seconds
│   ├── KeysUnavailable the key management does not answer: nothing opens until it does
│   ├── StoreUnavailable the object store does not answer, or not as it should
│   └── NotScanned    the virus scanner does not answer, and the office stores nothing unscanned
├── StorageFull       the object store has no room
├── VaultSealed       something was put back from a backup and not yet replayed
├── Misconfigured     the settings do not allow a start
└── Tampered          bytes that do not verify: a lock, a seal, a MAC, a signature
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

OF_PROGRAMS = "A program gives no reasons: have this case assigned to the person whose token it is."


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one field: a JSON pointer (RFC 6901) and a sentence."""

    pointer: str
    message: str


@dataclass(frozen=True)
class Refusal:
    """What the audit log keeps of a refusal, written after the refused transaction is rolled back."""

    event: str
    subject_type: str = ""
    subject_id: UUID | None = None
    office_id: UUID | None = None
    case_id: UUID | None = None
    bundle_id: UUID | None = None
    details: dict[str, Any] = field(default_factory=dict)


class VaultError(Exception):
    """Base of all. `code` is stable and documented in docs/errors.md; the message is for people."""

    code = "error"

    def __init__(
        self,
        message: str = "",
        *,
        errors: Sequence[Fault] = (),
        retry_after: int | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.refusal = refusal


class Invalid(VaultError):
    """The request cannot be understood or breaks a rule."""

    code = "invalid"


class WrongReceipt(Invalid):
    """A records repository's receipt is not for what was delivered; `reason` is a code of docs/packages.md."""

    code = "wrong-receipt"

    def __init__(self, reason: str, message: str, *, errors: Sequence[Fault] = ()) -> None:
        super().__init__(message, errors=errors)
        self.reason = reason


class Unauthenticated(VaultError):
    """Nobody is signed in, or the credentials do not fit."""

    code = "unauthenticated"


class FactorDue(Unauthenticated):
    """The password was given; nothing opens before the second factor is proved, or the first one added."""

    code = "factor-due"


class Refused(VaultError):
    """The actor is known and may not do this."""

    code = "forbidden"


class StepUpDue(Refused):
    """The actor may do this, and must prove again who it is: for `act`, or in general when there is none."""

    code = "step-up-due"

    def __init__(self, message: str, act: Any = None) -> None:
        super().__init__(message)
        self.act = act


class ReasonDue(Refused):
    """The actor may do this once a reason is given for the bundle: its case is not assigned to the actor."""

    code = "reason-due"

    def __init__(self, bundle_id: UUID | None, asked: str = "person") -> None:
        super().__init__(OF_PROGRAMS if asked == "token" else "")
        self.bundle_id = bundle_id


class NotFound(VaultError):
    """Absent, or not the actor's to know about: the two look alike."""

    code = "not-found"


class Gone(VaultError):
    """A link that cannot be opened: unknown, expired, revoked, spent or wrong all look alike."""

    code = "link-closed"


class Archived(VaultError):
    """The active copy of this content was removed after it was archived; an archivist can have it retrieved."""

    code = "archived"


class Disposed(VaultError):
    """This content was destroyed, as several people decided: nothing opens it any more."""

    code = "disposed"


class Conflict(VaultError):
    """Somebody or something was faster."""

    code = "conflict"


class WrongOffset(Conflict):
    """The bytes do not follow those that are stored; `offset` is where they end."""

    code = "wrong-offset"

    def __init__(self, offset: int) -> None:
        super().__init__(f"{offset:,} bytes of this upload are stored. Go on from there.")
        self.offset = offset


class UploadEnded(VaultError):
    """The upload takes no more bytes."""

    code = "upload-ended"


class UploadBusy(VaultError):
    """Another request writes the same upload. What it stored is safe."""

    code = "upload-busy"


class WrongChecksum(VaultError):
    """The piece is not what its checksum says. Nothing of it was stored."""

    code = "wrong-checksum"


class BundleLocked(VaultError):
    """The bundle has a password and it has not been given in this session."""

    code = "bundle-locked"


class TooLarge(VaultError):
    """Over a size limit. Nothing was stored."""

    code = "too-large"


class WrongType(VaultError):
    """Content that is not accepted, or that is not what its name says. Nothing was stored."""

    code = "wrong-type"


class Infected(WrongType):
    """The virus scanner found something harmful. Nothing was stored."""

    code = "infected"


class NotShown(VaultError):
    """The file, or this page of it, cannot be shown; the message says what to do instead."""

    code = "not-shown"


class BadRange(VaultError):
    """A byte range that cannot be served; `length` is the size of the whole in bytes."""

    code = "bad-range"

    def __init__(self, length: int) -> None:
        super().__init__("That part of the file does not exist.")
        self.length = length


class TooMany(VaultError):
    """Throttled until `retry_after` seconds have passed."""

    code = "too-many"


class Unwarranted(VaultError):
    """A slot was to die whose end two people must approve, and no approval of it was checked: it lives on."""

    code = "unwarranted"


class Busy(VaultError):
    """Out of capacity for a moment; worth trying again after `retry_after` seconds."""

    code = "busy"


class KeysUnavailable(Busy):
    """The key management that holds the master key does not answer: no content opens, and nothing is stored."""

    code = "keys-unavailable"


class StoreUnavailable(Busy):
    """The object store does not answer, or refuses what it is asked. What was stored before is safe."""

    code = "store-unavailable"


class NotScanned(Busy):
    """The virus scanner does not answer, and the office stores nothing that was not scanned."""

    code = "not-scanned"


class StorageFull(VaultError):
    """The object store has no room. What was stored before is safe."""

    code = "storage-full"


class VaultSealed(VaultError):
    """A restored database or keystore has not been replayed: nothing opens until `casevault restore` ran."""

    code = "vault-sealed"


class Misconfigured(VaultError):
    """The settings do not allow a start; `errors` names every fault at once."""

    code = "misconfigured"


class Tampered(VaultError):
    """Bytes that do not verify. Never says which check failed."""

    code = "tampered"

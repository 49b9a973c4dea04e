"""Making, extending, revoking and resuming a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from vault.access.actor import SYSTEM
from vault.access.cells import TIERS
from vault.access.policy import Permission
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import OpenBundle, open_bundle
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import link_lock
from vault.crypto.marks import link_auth, link_auth_stored, link_key
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.errors import Conflict, Fault, Invalid, NotFound, Refused
from vault.runtime import refusal_about
from vault.shares.handing import mode_for
from vault.shares.lending import lent_columns
from vault.shares.models import Recipient, Share, SharedDocument
from vault.shares.organisations import recipients_at
from vault.shares.policies import limits_for, needs_second
from vault.shares.purposes import RESETTLEMENT
from vault.shares.terms import Terms, require_standing, require_terms

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_DOCUMENTS = 50


@dataclass(frozen=True)
class Lending:
    """What is asked for: versions by their documents, one recipient, limits, and the link's password as a key."""

    document_ids: Sequence[UUID]
    recipient_name: str
    organisation: str
    email: str
    expires_at: datetime | None
    max_openings: int | None
    password_key: bytes | None = None
    profile: Argon2Profile | None = None
    purpose: str = RESETTLEMENT
    language: str | None = None
    asks_code: bool | None = None
    mode: str | None = None
    approved_until: datetime | None = None
    """Where a second person approved the link: it never lives longer."""


def create_share(tx: Transaction, bundle_id: UUID, wanted: Lending) -> tuple[Share, Secret]:
    """Lend the current versions of some documents to one recipient; the link's secret is returned once.

    Errors: `BundleLocked`, `NotFound` for a document that the actor may not know, `Refused` for one not to be shared, or
    where a second person must approve (`requests`), as always for what is strictly confidential; `Invalid` for one of
    another bundle, limits beyond policy or terms that are not met; `Tampered` for a version that is not what was sealed.
    """
    prepared = prepare(tx, bundle_id, wanted.document_ids, wanted.organisation, wanted.purpose)
    bundle = prepared.bundle
    if needs_second(tx, bundle, prepared.terms.organisation.id, prepared.tier):
        message = "A second person must approve this link first. Describe it under Share, Several people, or approval."
        refusal = refusal_about(bundle, "access.refused", permission="share.create", reason="second-person")
        raise Refused(message, refusal=refusal)
    return lend(tx, prepared, wanted)


@dataclass(frozen=True)
class Prepared:
    """Documents of an open bundle that may leave, and on what terms."""

    opened: OpenBundle
    documents: Sequence[Document]
    terms: Terms

    @property
    def bundle(self) -> Bundle:
        """Where they lie."""
        return self.opened.bundle

    @property
    def tier(self) -> str:
        """The highest that one of them has or ever had: links are made by the rules for it."""
        return max((each.highest_tier for each in self.documents), key=TIERS.index)


def prepare(
    tx: Transaction, bundle_id: UUID, document_ids: Sequence[UUID], organisation: str, purpose: str
) -> Prepared:
    """What may leave now, for this purpose, to this organisation. Errors: as `create_share`."""
    bundle = tx.load(Bundle, bundle_id, Permission.SHARE_CREATE, lock=True)
    opened = open_bundle(tx, bundle)
    documents = [_shareable(tx, opened, document_id) for document_id in _distinct(document_ids)]
    return Prepared(opened, documents, require_terms(tx, bundle, organisation, purpose, documents))


def lend(
    tx: Transaction, prepared: Prepared, wanted: Lending, request_id: UUID | None = None
) -> tuple[Share, Secret]:
    """One link. Whoever calls has seen to a second person where one is due, and to a proof of who sends it."""
    secret, share_key = random_key(), random_key()
    share = _new_share(tx, prepared, wanted, secret, share_key)
    for position, document in enumerate(prepared.documents, start=1):
        columns = lent_columns(tx, prepared.opened, share.id, share_key, document)
        columns |= {"document_type": document.document_type, "tier": document.highest_tier}
        tx.add(SharedDocument(share_id=share.id, position=position, **columns))
    tx.session.refresh(share, ["documents", "recipient"])
    tx.record(
        "share.created",
        share,
        recipient=share.recipient_id,
        versions=[lent.version_id for lent in share.documents],
        types=[lent.document_type for lent in share.documents],
        max_openings=share.max_openings,
        expires_at=share.expires_at,
        has_password=share.profile is not None,
        purpose=share.purpose,
        agreement=share.agreement_id,
        exceptions=[each.id for each in prepared.terms.exceptions],
        request=request_id,
        asks_code=share.asks_code,
        mode=share.mode,
    )
    return share, Secret(secret)


def revoke_share(tx: Transaction, share_id: UUID, reason: str = "") -> Share:
    """End a share now: its slot is destroyed, running downloads stop within a second. Done twice, nothing more.

    People give a reason; the command line, which acts for the vault itself, needs none.
    """
    share = load_share(tx, share_id, Permission.SHARE_REVOKE)
    if share.revoked_at is None and share.ended_at is None:
        end_revoked(tx, share, **({"by": "command-line"} if tx.actor is SYSTEM else tx.remark(reason)))
    return share


def end_revoked(tx: Transaction, share: Share, **why: str) -> None:
    """The share is revoked and its slot dies, unless it has ended. Whoever calls has checked that it may be."""
    if share.ended_at is not None:
        return
    share.revoked_at = share.ended_at = tx.now
    share.end_reason = "revoked"
    share.revision += 1
    tx.destroy(share.slot_id)
    tx.record("share.revoked", share, **why)


def extend_share(tx: Transaction, share_id: UUID, expires_at: datetime) -> Share:
    """Move the expiry on, never past the absolute end that the link was made with; the link stays the same.

    Errors: `Conflict` for a link that has ended, `Refused` when what it was made on holds no more, `Invalid`.
    """
    share = load_share(tx, share_id, Permission.SHARE_EXTEND)
    if share.ended_at is not None or share.has_expired(tx.now):
        raise Conflict("This link has ended. Make a new one.")
    if not share.expires_at < expires_at <= share.absolute_end_at:
        message = "Choose a later time than now set, and none after the last one that this link may have."
        raise Invalid("The link was not changed.", errors=[Fault("/expires_at", message)])
    require_standing(tx, share)
    share.expires_at = expires_at
    share.revision += 1
    tx.record("share.extended", share, expires_at=expires_at)
    return share


def resume_share(tx: Transaction, share_id: UUID) -> Share:
    """Let a link work again that was suspended, after a restore or after too many wrong passwords."""
    share = load_share(tx, share_id, Permission.SHARE_EXTEND)
    if share.ended_at is not None or share.has_expired(tx.now):
        raise Conflict("This link has ended. Make a new one.")
    if share.suspended_at is not None:
        share.suspended_at = None
        share.revision += 1
        tx.record("share.resumed", share)
    return share


def load_share(tx: Transaction, share_id: UUID, permission: Permission) -> Share:
    """The share, locked for a change by somebody who may, or by the vault itself."""
    if tx.actor is not SYSTEM:
        return tx.load(Share, share_id, permission, lock=True)
    share = tx.session.get(Share, share_id, with_for_update=for_change(Share))
    if share is None:
        raise NotFound("There is no such link.")
    return share


def _new_share(
    tx: Transaction, prepared: Prepared, wanted: Lending, secret: bytes, share_key: bytes
) -> Share:
    """The row and its slot; the link lock keeps the share key for whoever has secret and password."""
    bundle, terms = prepared.bundle, prepared.terms
    expires_at, absolute_end, most = _ends_of(tx, prepared, wanted)
    share_id, recipient = uuid4(), _recipient(tx, bundle, wanted, terms)
    slot = tx.keystore.create_slot(SlotKind.LINK, share_id)
    lock, key = (
        link_lock(share_id, int(absolute_end.timestamp())),
        link_key(secret, wanted.password_key, share_id),
    )
    share = Share(
        id=share_id,
        bundle_id=bundle.id,
        case_id=bundle.case_id,
        office_id=bundle.office_id,
        owner_id=tx.actor.id,
        recipient_id=recipient.id,
        purpose=wanted.purpose,
        agreement_id=terms.agreement.id if terms.agreement else None,
        slot_id=slot.id,
        link_lock=lock.close(key, slot.key, plaintext=share_key),
        auth_digest=link_auth_stored(link_auth(secret, share_id)),
        created_at=tx.now,
        expires_at=expires_at,
        absolute_end_at=absolute_end,
        max_openings=most,
        asks_code=asks_code_for(tx, prepared, wanted.asks_code),
        mode=mode_for(tx, prepared, wanted.mode),
    )
    if wanted.profile is not None:
        share.argon2_salt, share.argon2_memory_kib = wanted.profile.salt, wanted.profile.memory_kib
        share.argon2_time, share.argon2_lanes = wanted.profile.time, wanted.profile.lanes
    return tx.add(share)


def _ends_of(tx: Transaction, prepared: Prepared, wanted: Lending) -> tuple[datetime, datetime, int]:
    """As `limits_of`; nothing outlives what was approved, or an exception that it passes by."""
    expires_at, absolute_end, most = limits_of(
        tx,
        prepared,
        wanted.expires_at,
        wanted.max_openings,
        wanted.profile is not None,
    )
    ends = [each.expires_at for each in prepared.terms.exceptions]
    if wanted.approved_until is not None:
        ends.append(wanted.approved_until)
    absolute_end = min([absolute_end, *(end.replace(microsecond=0) for end in ends)])
    if absolute_end <= tx.now:
        raise _unfit("/expires_at", "What this link would pass by ends at this moment.")
    return min(expires_at, absolute_end), absolute_end, most


def asks_code_for(tx: Transaction, prepared: Prepared, wanted: bool | None) -> bool:
    """Whether the link asks for an e-mailed code: as wanted, or wherever mails can be sent. `Invalid` against the rules."""
    limits = limits_for(tx, prepared.bundle.office_id, prepared.tier, prepared.terms.organisation.id)
    can_mail = bool(tx.settings.smtp_url)
    if (wanted or limits.code_required) and not can_mail:
        raise _unfit("/asks_code", "A code is asked for, and no mail server is set, so none can be sent.")
    if wanted is False and limits.code_required:
        raise _unfit("/asks_code", "Your office asks for an e-mailed code on such a link.")
    return can_mail if wanted is None else wanted


def _shareable(tx: Transaction, opened: OpenBundle, document_id: UUID) -> Document:
    document = tx.load(Document, document_id, Permission.SHARE_CREATE)
    if document.bundle_id != opened.bundle.id or document.withdrawn_at is not None:
        raise _unfit("/documents", "Choose documents of this bundle that are not withdrawn.")
    return document


def _distinct(document_ids: Sequence[UUID]) -> list[UUID]:
    distinct = list(dict.fromkeys(document_ids))
    if not 1 <= len(distinct) <= MOST_DOCUMENTS:
        raise _unfit("/documents", f"Choose between 1 and {MOST_DOCUMENTS} documents.")
    return distinct


def limits_of(
    tx: Transaction,
    prepared: Prepared,
    expires_at: datetime | None,
    max_openings: int | None,
    has_password: bool,
) -> tuple[datetime, datetime, int]:
    """Expiry, absolute end and openings, within what the policy says for the tier and the organisation."""
    limits = limits_for(tx, prepared.bundle.office_id, prepared.tier, prepared.terms.organisation.id)
    # The link lock binds whole seconds, so the column holds no part of one.
    absolute_end, longest = (
        (tx.now + span).replace(microsecond=0) for span in (limits.absolute, limits.longest)
    )
    expires_at = expires_at or (tx.now + limits.default).replace(microsecond=0)
    if not tx.now < expires_at <= longest:
        raise _unfit("/expires_at", f"Choose a time from now to {limits.longest.days} days ahead.")
    openings = limits.default_openings if max_openings is None else max_openings
    if not 1 <= openings <= limits.most_openings:
        raise _unfit("/max_openings", f"Choose between 1 and {limits.most_openings} openings.")
    if limits.password_required and not has_password:
        raise _unfit("/password", "Your office asks for a password on such a link.")
    return expires_at, absolute_end, openings


def _recipient(tx: Transaction, bundle: Bundle, wanted: Lending, terms: Terms) -> Recipient:
    """The person as the office knows them, new where they are not known yet. The terms hold the organisation's row."""
    known = recipients_at(tx, bundle.office_id, terms.organisation.id, wanted.email)
    if any(each.ended_at is not None for each in known):
        message = "This person is no longer in the office's list. Ask the organisation who has taken over."
        raise _unfit("/recipient/email", message)
    row = next((each for each in known if each.name == wanted.recipient_name), None) or tx.add(
        Recipient(
            organisation_id=terms.organisation.id,
            office_id=bundle.office_id,
            name=wanted.recipient_name,
            email=wanted.email,
            language=wanted.language,
            created_at=tx.now,
        )
    )
    row.language = wanted.language or row.language
    return row


def _unfit(pointer: str, message: str) -> Invalid:
    return Invalid("The link was not made.", errors=[Fault(pointer, message)])

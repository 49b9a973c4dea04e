"""Passkeys (WebAuthn): made and used with user verification, for this vault's host alone, counted at each use.

The challenge is kept in the row that asks: a passkey's own while it is added, the question's when it is used; there it
ends with the digest of the act that the page shows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from vault.people.factor_models import PASSKEY, Factor
from vault.people.holding import live
from vault.people.models import Person
from vault.settings import Settings

if TYPE_CHECKING:
    from vault.runtime import Transaction

NAME = "Casevault"
WAIT_MILLISECONDS = 120_000
UNREADABLE = (WebAuthnException, ValueError, RecursionError)
"""What an answer that is none, or does not verify, comes to."""


def has_passkeys(settings: Settings) -> bool:
    """Whether browsers make passkeys for this vault: at a host name, over TLS or on the own machine."""
    host = urlsplit(settings.base_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return settings.is_https or host == "localhost" or host.endswith(".localhost")
    return False


def making_options(settings: Settings, person: Person, factor: Factor, known: Sequence[Factor]) -> str:
    """What the browser needs to make a passkey, as JSON; none is made twice in one authenticator."""
    chosen = AuthenticatorSelectionCriteria(
        resident_key=ResidentKeyRequirement.DISCOURAGED,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    options = generate_registration_options(
        rp_id=_host(settings),
        rp_name=NAME,
        user_id=person.id.bytes,
        user_name=person.username,
        user_display_name=person.display_name,
        challenge=factor.nonce,
        timeout=WAIT_MILLISECONDS,
        authenticator_selection=chosen,
        exclude_credentials=_named(known),
    )
    return options_to_json(options)


def using_options(settings: Settings, known: Sequence[Factor], challenge: bytes) -> str | None:
    """What the browser needs to use one of these passkeys, as JSON; None when there is none among them."""
    passkeys = _named(known)
    if not passkeys or not has_passkeys(settings):
        return None
    options = generate_authentication_options(
        rp_id=_host(settings),
        challenge=challenge,
        timeout=WAIT_MILLISECONDS,
        allow_credentials=passkeys,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def keep_passkey(settings: Settings, factor: Factor, answer: str) -> bool:
    """The factor has the passkey that the browser made for its challenge; False when it does not verify."""
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=factor.nonce or b"",
            expected_rp_id=_host(settings),
            expected_origin=_origin(settings),
            require_user_verification=True,
        )
    except UNREADABLE:
        return False
    factor.credential_id, factor.credential_key = made.credential_id, made.credential_public_key
    factor.sign_count, factor.nonce = made.sign_count, None
    return True


def take_passkey(tx: Transaction, person_id: UUID, answer: str, challenge: bytes) -> Factor | None:
    """The person's passkey that signed this challenge, its use counted; None when none did."""
    factor = _used(tx, person_id, answer)
    if factor is None or factor.credential_key is None or factor.sign_count is None:
        return None
    try:
        signed = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=_host(tx.settings),
            expected_origin=_origin(tx.settings),
            credential_public_key=factor.credential_key,
            credential_current_sign_count=factor.sign_count,
            require_user_verification=True,
        )
    except UNREADABLE:
        return None
    same = (Factor.id == factor.id, live(), Factor.sign_count == factor.sign_count)
    counted = update(Factor).where(*same).values(sign_count=signed.new_sign_count, used_at=tx.now)
    return factor if tx.session.scalar(counted.returning(Factor.id)) is not None else None


def _used(tx: Transaction, person_id: UUID, answer: str) -> Factor | None:
    """The row of the credential that the answer names, if it is this person's."""
    try:
        found = json.loads(answer)
        named = found.get("id") if isinstance(found, dict) else None
        credential_id = base64url_to_bytes(named) if isinstance(named, str) else b""
    except UNREADABLE:
        return None
    own = (Factor.person_id == person_id, Factor.credential_id == credential_id, Factor.kind == PASSKEY)
    return tx.session.scalar(select(Factor).where(*own, live()))


def _named(known: Sequence[Factor]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=row.credential_id) for row in known if row.credential_id]


def _host(settings: Settings) -> str:
    return urlsplit(settings.base_url).hostname or ""


def _origin(settings: Settings) -> str:
    parts = urlsplit(settings.base_url)
    return f"{parts.scheme}://{parts.netloc}"

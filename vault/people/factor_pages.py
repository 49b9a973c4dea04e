"""What is shown of second factors: to their owner alone, and a seed only until its first code was taken."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.crypto.one_time_code import spell_seed
from vault.people.factor_models import TOTP, Factor, StepUp
from vault.people.holding import holds_factors, is_factor_required, live_factors
from vault.people.passkeys import has_passkeys, making_options, using_options
from vault.people.queries import own_person
from vault.people.recovery_codes import codes_left
from vault.people.step_up import Act, challenge_of
from vault.people.totp import drawn, provisioning_uri, seed_of

if TYPE_CHECKING:
    from vault.runtime import Transaction


class FactorEntry(BaseModel):
    """One of one's own factors. `kind` is totp or passkey."""

    id: UUID
    kind: str
    name: str
    added_at: datetime
    used_at: datetime | None


class FactorsPage(BaseModel):
    """One's own second factors, how many recovery codes are left, and whether somebody reset them."""

    factors: list[FactorEntry]
    codes_left: int
    is_required: bool
    reset_at: datetime | None


class NewFactorPage(BaseModel):
    """What can be added here; `is_first` while no factor is held."""

    has_passkeys: bool
    is_first: bool
    is_required: bool
    reset_at: datetime | None


class QrCode(BaseModel):
    """A QR code as modules a side and an SVG path."""

    side: int
    path: str


class WaitingFactorPage(BaseModel):
    """A factor that waits for its first proof: the secret of an app, or what the browser makes a passkey with."""

    id: UUID
    kind: str
    name: str
    secret: str | None = None
    uri: str | None = None
    qr: QrCode | None = None
    options: str | None = None


class RecoveryCodesPage(BaseModel):
    """Recovery codes, shown once."""

    codes: list[str]


class ProvePage(BaseModel):
    """Where a factor is asked for: which kinds there are, and where to go on afterwards."""

    next: str
    has_app: bool
    has_passkey: bool


class ChallengePage(BaseModel):
    """What the browser needs to use a passkey, as JSON text, and the question that the answer names."""

    question: UUID
    options: str


class StepUpPage(BaseModel):
    """A question before an act: what will be done, and which proofs are taken. `error` is why the last was not."""

    id: UUID
    sentence: str
    facts: list[tuple[str, str]]
    proofs: list[str]
    options: str | None
    error: str = ""


def factors_page(tx: Transaction) -> FactorsPage:
    """The actor's own factors."""
    return FactorsPage(
        factors=[factor_entry(row) for row in live_factors(tx.session, tx.actor.id)],
        codes_left=codes_left(tx.session, tx.actor.id),
        is_required=is_factor_required(tx.settings, tx.actor.roles),
        reset_at=own_person(tx).factors_reset_at,
    )


def factor_entry(row: Factor) -> FactorEntry:
    """The factor as a line."""
    added_at = row.confirmed_at or row.added_at
    return FactorEntry(id=row.id, kind=row.kind, name=row.name, added_at=added_at, used_at=row.used_at)


def new_factor_page(tx: Transaction) -> NewFactorPage:
    """What the actor may add."""
    return NewFactorPage(
        has_passkeys=has_passkeys(tx.settings),
        is_first=not holds_factors(tx.session, tx.actor.id),
        is_required=is_factor_required(tx.settings, tx.actor.roles),
        reset_at=own_person(tx).factors_reset_at,
    )


def waiting_page(tx: Transaction, factor: Factor) -> WaitingFactorPage:
    """The factor that the actor is adding."""
    person, page = own_person(tx), WaitingFactorPage(id=factor.id, kind=factor.kind, name=factor.name)
    if factor.kind == TOTP:
        seed = seed_of(tx, person, factor)
        letters = spell_seed(seed)
        page.secret = " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))
        page.uri = provisioning_uri(person.username, seed)
        side, path = drawn(page.uri)
        page.qr = QrCode(side=side, path=path)
    else:
        page.options = making_options(tx.settings, person, factor, live_factors(tx.session, person.id))
    return page


def prove_page(tx: Transaction, following: str) -> ProvePage:
    """Which of the actor's factors can be proved now."""
    kinds = {row.kind for row in live_factors(tx.session, tx.actor.id)}
    return ProvePage(next=following, has_app=TOTP in kinds, has_passkey=_has_passkey(tx, kinds))


def challenge_page(tx: Transaction, row: StepUp) -> ChallengePage | None:
    """The question for a passkey; None for somebody without one."""
    options = using_options(tx.settings, live_factors(tx.session, tx.actor.id), challenge_of(row))
    return ChallengePage(question=row.id, options=options) if options else None


def step_up_page(tx: Transaction, row: StepUp, act: Act) -> StepUpPage:
    """The question about this act, with the proofs that this person can give."""
    options = using_options(tx.settings, live_factors(tx.session, tx.actor.id), challenge_of(row))
    codes = ["code"] if holds_factors(tx.session, tx.actor.id) else ["password"]
    return StepUpPage(
        id=row.id,
        sentence=act.sentence,
        facts=list(act.facts),
        proofs=[*(["passkey"] if options else []), *codes],
        options=options,
    )


def _has_passkey(tx: Transaction, kinds: set[str]) -> bool:
    return "passkey" in kinds and has_passkeys(tx.settings)

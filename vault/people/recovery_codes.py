"""Recovery codes: ten of 80 random bits, shown once, kept as Argon2id hashes, each good once.

They stand for a factor that is lost. A new set replaces the old one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from vault.crypto.one_time_code import new_recovery_code
from vault.crypto.passwords import Argon2Profile, derive, new_profile
from vault.people.factor_models import RecoveryCode

if TYPE_CHECKING:
    from vault.runtime import Transaction

MANY = 10
SHAPE = re.compile(r"[A-Z2-7]{16}")


@dataclass(frozen=True)
class NewCodes:
    """Ten codes before they are kept: their hashes cost time, so they are made outside every transaction."""

    codes: tuple[str, ...]
    profile: Argon2Profile
    digests: tuple[bytes, ...]


def make_codes() -> NewCodes:
    """Ten fresh codes. 80 bits need less than a password does: 19 MiB, two passes, one lane."""
    codes = tuple(new_recovery_code() for _ in range(MANY))
    profile = replace(new_profile(), memory_kib=19 * 1024, time=2, lanes=1)
    return NewCodes(codes, profile, tuple(derive(canonical(code), profile) for code in codes))


def canonical(text: str) -> str:
    """The code as it is hashed: capital letters and digits alone."""
    return re.sub(r"[\s\-]", "", text).upper()


def is_recovery_code(text: str) -> bool:
    """Whether the text has a recovery code's form."""
    return SHAPE.fullmatch(canonical(text)) is not None


def keep_codes(tx: Transaction, person_id: UUID, new: NewCodes) -> None:
    """These codes work now, and none of before."""
    forget_codes(tx, person_id)
    for digest in new.digests:
        tx.session.add(
            RecoveryCode(
                person_id=person_id,
                code_digest=digest,
                argon2_salt=new.profile.salt,
                argon2_memory_kib=new.profile.memory_kib,
                argon2_time=new.profile.time,
                argon2_lanes=new.profile.lanes,
                made_at=tx.now,
            )
        )
    tx.session.flush()


def forget_codes(tx: Transaction, person_id: UUID) -> None:
    """No code of this person works any more."""
    tx.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))


def codes_left(session: Session, person_id: UUID | None) -> int:
    """How many of the person's codes have not been used."""
    unused = (RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


def profile_of_codes(session: Session, person_id: UUID) -> Argon2Profile | None:
    """What the person's codes were hashed with; None when none is left."""
    unused = (RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))
    row = session.scalar(select(RecoveryCode).where(*unused).limit(1))
    return row.profile if row else None


def take_code(tx: Transaction, person_id: UUID, digest: bytes) -> bool:
    """The code of this hash is used up; False when there is none, or it was used before."""
    unused = (
        RecoveryCode.person_id == person_id,
        RecoveryCode.code_digest == digest,
        RecoveryCode.used_at.is_(None),
    )
    used = update(RecoveryCode).where(*unused).values(used_at=tx.now).returning(RecoveryCode.id)
    return tx.session.scalar(used) is not None

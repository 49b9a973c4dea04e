"""Known browsers: each sign-in and enrolment leaves a long-lived cookie, so that strangers' failures do not slow it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from vault.crypto.encoding import b64url, unb64url
from vault.crypto.kdf import sha256
from vault.crypto.secret import compare, random_key
from vault.errors import Tampered
from vault.people.models import KnownDevice

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_DEVICES = 20
COOKIE_LENGTH = 64
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def known_device(session: Session, person_id: UUID | None, cookie: str | None) -> KnownDevice | None:
    """The browser that this cookie proves, if it has signed this person in before."""
    named = split_cookie(cookie)
    if named is None:
        return None
    device_id, secret = named
    device = session.get(KnownDevice, device_id)
    if device is None or device.person_id != person_id or not compare(sha256(secret), device.auth_digest):
        return None
    return device


def remember_device(tx: Transaction, person_id: UUID, cookie: str | None) -> str:
    """The browser is known from now on; returns its cookie, the same as before if it was known."""
    device = known_device(tx.session, person_id, cookie)
    if device is not None and cookie is not None:
        device.seen_at = tx.now
        return cookie
    device_id, secret = uuid4(), random_key()
    tx.add(KnownDevice(id=device_id, person_id=person_id, auth_digest=sha256(secret), seen_at=tx.now))
    _forget_oldest(tx, person_id)
    return b64url(device_id.bytes + secret)


def forget_devices(tx: Transaction, person_id: UUID) -> None:
    """No browser is known for this person any more."""
    tx.session.execute(delete(KnownDevice).where(KnownDevice.person_id == person_id))


def split_cookie(cookie: str | None) -> tuple[UUID, bytes] | None:
    """Id and 32-byte secret of a cookie, or None for anything else."""
    if cookie is None or len(cookie) != COOKIE_LENGTH:
        return None
    try:
        content = unb64url(cookie)
    except Tampered:
        return None
    return UUID(bytes=content[:16]), content[16:]


def device_name(user_agent: str | None) -> str:
    """What people recognise a browser by: `Firefox, Linux`; a program by its first word. At most 40 characters."""
    text = user_agent or ""
    browser = next((name for mark, name in BROWSERS if mark in text), "")
    system = next((name for mark, name in SYSTEMS if mark in text), "")
    if browser or system:
        return ", ".join(part for part in (browser, system) if part)
    return re.sub(r"[^A-Za-z0-9.+-]", "", re.split(r"[/\s(]", text, maxsplit=1)[0])[:40]


def _forget_oldest(tx: Transaction, person_id: UUID) -> None:
    newest = select(KnownDevice.id).where(KnownDevice.person_id == person_id)
    kept = tx.session.scalars(newest.order_by(KnownDevice.seen_at.desc()).limit(MOST_DEVICES)).all()
    tx.session.execute(
        delete(KnownDevice).where(KnownDevice.person_id == person_id, KnownDevice.id.not_in(kept))
    )

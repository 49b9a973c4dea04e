"""Keys and proofs derived from other keys: HKDF with a fixed label, then HMAC over the fields in question.

Compare what is stored with what is computed by `secret.check`, which takes constant time and raises Tampered.
"""

import functools
from importlib import resources
from uuid import UUID

from vault.crypto.encoding import fields, u64
from vault.crypto.kdf import hkdf, hmac_sha256, sha256
from vault.crypto.passwords import NO_PASSWORD
from vault.errors import Tampered

_WORD_BITS = 11
_WORDS = 6


def directory_mac(slot: bytes, principal_id: UUID, public_key: bytes) -> bytes:
    """Proof that a public key is the principal's while its slot lives; checked before anyone seals to it.

    The drop key of a bundle uses SLK(bundle) and the bundle's id.
    """
    return hmac_sha256(_derive(slot, b"directory"), fields(principal_id.bytes, public_key))


def seal(
    file_key: bytes,
    slot: bytes,
    version_id: UUID,
    length: int,
    object_length: int,
    object_digest: bytes,
) -> bytes:
    """Proof that a version is complete: plaintext and object length in bytes, SHA-256 of the object."""
    content = fields(version_id.bytes, u64(length), u64(object_length), object_digest)
    return hmac_sha256(_derive(file_key + slot, b"seal"), content)


def approval_mac(slot: bytes, approver_id: UUID, request_id: UUID, request: bytes, time: int) -> bytes:
    """One person's yes to one irrevocable act, in canonical bytes, at `time` in seconds since 1970."""
    content = fields(approver_id.bytes, request_id.bytes, sha256(request), u64(time))
    return hmac_sha256(_derive(slot, b"approval"), content)


def duplicate_mark(bundle_key: bytes, plaintext_digest: bytes) -> bytes:
    """Equal for equal content in one bundle; says nothing to who lacks the bundle key."""
    return hmac_sha256(_derive(bundle_key, b"duplicate"), plaintext_digest)


def code_mac(link_authenticator: bytes, code: str, expires: int) -> bytes:
    """How an e-mailed code is kept; `expires` in seconds since 1970."""
    return hmac_sha256(_derive(link_authenticator, b"code"), fields(code.encode(), u64(expires)))


def session_auth(session_secret: bytes, session_id: UUID) -> bytes:
    """What the session row keeps of the cookie's secret."""
    return sha256(_derive(session_secret, b"session-auth", session_id.bytes))


def link_auth(secret: bytes, link_id: UUID) -> bytes:
    """LA: shows that a visitor has the link's secret. The row keeps `link_auth_stored` of it."""
    return _derive(secret, b"link-auth", link_id.bytes)


def link_auth_stored(link_authenticator: bytes) -> bytes:
    """SHA-256 of LA."""
    return sha256(link_authenticator)


def link_key(secret: bytes, password_key: bytes | None, link_id: UUID) -> bytes:
    """LK: from the link's secret and, if it has a password, that key; Tampered unless 32 bytes each."""
    half = NO_PASSWORD if password_key is None else password_key
    if len(secret) != len(NO_PASSWORD) or len(half) != len(NO_PASSWORD):
        raise Tampered
    return _derive(secret + half, b"link-key", link_id.bytes)


def token_key(secret: bytes, token_id: UUID) -> bytes:
    """PWK of an API token: its 32 random bytes need no slow hash."""
    return _derive(secret, b"token", token_id.bytes)


def drop_seed(bundle_key: bytes) -> bytes:
    """The seed of the key pair that a bundle takes drops with."""
    return _derive(bundle_key, b"drop")


def tail_key(file_key: bytes) -> bytes:
    """The people half of a tail lock."""
    return _derive(file_key, b"tail")


def fingerprint_words(public_key: bytes) -> list[str]:
    """6 words of the BIP-39 English list, 66 bits, for two people to compare aloud."""
    digest = int.from_bytes(sha256(b"casevault-v1/fingerprint\x00" + public_key))
    words = word_list()
    shifts = range(256 - _WORD_BITS, 256 - _WORD_BITS * (_WORDS + 1), -_WORD_BITS)
    return [words[digest >> shift & (1 << _WORD_BITS) - 1] for shift in shifts]


@functools.cache
def word_list() -> list[str]:
    """The 2,048 words of the BIP-39 English list."""
    return resources.files("vault.crypto").joinpath("bip39_english.txt").read_text("ascii").split()


def _derive(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    return hkdf(key, salt, b"casevault-v1/" + purpose + b"\x00")

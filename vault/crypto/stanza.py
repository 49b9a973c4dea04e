"""One recipient's line in an age header: the file key, wrapped. (age v1: X25519 and mlkem768x25519.)"""

import os
from dataclasses import dataclass

from vault.crypto import aead
from vault.crypto.encoding import b64, unb64
from vault.crypto.grant import hpke_open, hpke_seal
from vault.crypto.identity import (
    Identity,
    KeyKind,
    Recipient,
    x25519_half,
    x25519_public,
    x25519_shared,
)
from vault.crypto.kdf import hkdf
from vault.errors import Invalid, Tampered

FILE_KEY = 16
_WRAPPED = FILE_KEY + aead.TAG
_ENC_SIZES = {KeyKind.HYBRID.value: 1120, KeyKind.X25519.value: 32}
_HYBRID_INFO = b"age-encryption.org/mlkem768x25519"
_X25519_INFO = b"age-encryption.org/v1/X25519"
_COLUMNS = 64


@dataclass(frozen=True)
class Stanza:
    """`-> kind arguments…` and a body. Kinds that we do not know are kept and never opened."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes

    def encode(self) -> bytes:
        """The lines of the header, each with its end; the last body line is short, perhaps empty."""
        text = b64(self.body)
        starts = range(0, len(text) + 1, _COLUMNS)
        lines = [" ".join(("->", self.kind, *self.arguments)), *(text[at : at + _COLUMNS] for at in starts)]
        return "".join(line + "\n" for line in lines).encode("ascii")

    def check(self) -> None:
        """Invalid when a kind that we know has other arguments or another size than it must have."""
        size = _ENC_SIZES.get(self.kind)
        if size is None:
            return
        if len(self.arguments) != 1 or len(self._share()) != size or len(self.body) != _WRAPPED:
            raise Invalid("The header of this age file is malformed.")

    def _share(self) -> bytes:
        try:
            return unb64(self.arguments[0])
        except Tampered:
            raise Invalid("The header of this age file is malformed.") from None

    def unwrap(self, identity: Identity) -> bytes | None:
        """The 16-byte file key; None when it is wrapped for others, Invalid for a point of low order."""
        if self.kind != identity.kind.value:
            return None
        share, key = self._share(), identity.key.reveal()
        try:
            shared = x25519_shared(_scalar(identity), share[-32:])
        except Tampered:
            raise Invalid("The header of this age file is malformed.") from None
        try:
            if identity.kind is KeyKind.HYBRID:
                return hpke_open(key, _HYBRID_INFO, share + self.body)
            wrapping = hkdf(shared, share + x25519_public(key), _X25519_INFO)
            return aead.decrypt(wrapping, aead.ZERO_NONCE, self.body)
        except Tampered:
            return None


def wrap(file_key: bytes, recipient: Recipient) -> Stanza:
    """A fresh stanza for one recipient."""
    kind = recipient.kind
    if kind is KeyKind.HYBRID:
        sealed = hpke_seal(recipient.public_key, _HYBRID_INFO, file_key)
        size = _ENC_SIZES[kind.value]
        return Stanza(kind.value, (b64(sealed[:size]),), sealed[size:])
    ephemeral = os.urandom(32)
    share = x25519_public(ephemeral)
    shared = x25519_shared(ephemeral, recipient.public_key)
    wrapping = hkdf(shared, share + recipient.public_key, _X25519_INFO)
    return Stanza(kind.value, (b64(share),), aead.encrypt(wrapping, aead.ZERO_NONCE, file_key))


def _scalar(identity: Identity) -> bytes:
    key = identity.key.reveal()
    return x25519_half(key) if identity.kind is KeyKind.HYBRID else key

"""A passkey authenticator in software: one key for each credential, a counter, and whatever a test wants it to lie about."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from hashlib import sha256

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from vault.crypto.encoding import b64url

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


@dataclass
class Authenticator:
    """One credential for one host. `make` and `use` answer options as a browser does; changes are lies."""

    origin: str
    host: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: os.urandom(32))
    count: int = 0

    def make(self, options: str, **lies: object) -> str:
        """The answer to options for making a passkey."""
        numbers = self.key.public_key().public_numbers()
        point = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        credential = cbor2.dumps({1: 2, 3: -7, -1: 1, **point})
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + credential
        said = self._said("webauthn.create", options, lies)
        whole = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._head(lies, ATTESTED) + attested})
        return self._answer(clientDataJSON=said, attestationObject=whole)

    def use(self, options: str, **lies: object) -> str:
        """The answer to options for using it."""
        self.count += 1
        said, head = self._said("webauthn.get", options, lies), self._head(lies)
        signature = self.key.sign(head + sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=said, authenticatorData=head, signature=signature)

    def _said(self, kind: str, options: str, lies: dict[str, object]) -> bytes:
        challenge = lies.get("challenge", json.loads(options)["challenge"])
        return json.dumps(
            {"type": kind, "challenge": challenge, "origin": lies.get("origin", self.origin)}
        ).encode()

    def _head(self, lies: dict[str, object], more: int = 0) -> bytes:
        host = str(lies.get("host", self.host))
        flags = PRESENT | more | (VERIFIED if lies.get("verified", True) else 0)
        count = int(str(lies.get("count", self.count)))
        return sha256(host.encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")

    def _answer(self, **parts: bytes) -> str:
        name = b64url(self.id)
        response = {part: b64url(content) for part, content in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})

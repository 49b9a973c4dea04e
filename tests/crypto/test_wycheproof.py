"""Project Wycheproof's cases, through our functions."""

import json

import pytest

from tests.places import SUITES
from vault.crypto import aead, identity, kdf, signature
from vault.crypto.encoding import b64
from vault.crypto.identity import Identity, KeyKind
from vault.crypto.secret import Secret
from vault.crypto.stanza import Stanza
from vault.errors import Invalid, Tampered

FOLDER = SUITES / "wycheproof"
h = bytes.fromhex


@pytest.fixture
def cases(need):
    """All cases of one file, each with its group."""

    def read(name: str) -> list[tuple[dict, dict]]:
        path = FOLDER / f"{name}_test.json"
        need(f"{path.name} (CASEVAULT_SUITES)", path.exists())
        suite = json.loads(path.read_text())
        found = [(group, case) for group in suite["testGroups"] for case in group["tests"]]
        assert len(found) == suite["numberOfTests"]
        return found

    return read


def test_chacha20_poly1305_opens_and_seals_what_is_valid_and_refuses_the_rest(cases):
    for _, case in cases("chacha20_poly1305"):
        key, nonce, aad, plaintext = (h(case[part]) for part in ("key", "iv", "aad", "msg"))
        sealed = h(case["ct"] + case["tag"])
        if case["result"] == "valid":
            assert aead.encrypt(key, nonce, plaintext, aad) == sealed, case["tcId"]
            assert aead.decrypt(key, nonce, sealed, aad) == plaintext, case["tcId"]
        else:
            with pytest.raises(Tampered):
                aead.decrypt(key, nonce, sealed, aad)


def test_hkdf_gives_what_is_valid_and_refuses_the_rest(cases):
    for _, case in cases("hkdf_sha256"):
        given = (h(case["ikm"]), h(case["salt"]), h(case["info"]), case["size"])
        if case["result"] == "valid":
            assert kdf.hkdf(*given) == h(case["okm"]), case["tcId"]
        else:
            with pytest.raises(ValueError, match="Cannot derive"):
                kdf.hkdf(*given)


def test_x25519_agrees_and_refuses_every_zero_secret(cases):
    for _, case in cases("x25519"):
        private, public, shared = (h(case[part]) for part in ("private", "public", "shared"))
        if any(shared):
            assert identity.x25519_shared(private, public) == shared, case["tcId"]
        else:
            assert case["result"] == "acceptable"
            with pytest.raises(Tampered):
                identity.x25519_shared(private, public)


def test_a_stanza_with_any_of_these_points_unwraps_or_is_refused(cases):
    for _, case in cases("x25519"):
        private, public, shared = (h(case[part]) for part in ("private", "public", "shared"))
        salt = public + identity.x25519_public(private)
        wrapping = kdf.hkdf(shared, salt, b"age-encryption.org/v1/X25519")
        stanza = Stanza("X25519", (b64(public),), aead.encrypt(wrapping, bytes(12), b"YELLOW SUBMARINE"))
        holder = Identity(KeyKind.X25519, Secret(private))
        if any(shared):
            assert stanza.unwrap(holder) == b"YELLOW SUBMARINE", case["tcId"]
        else:
            with pytest.raises(Invalid):
                stanza.unwrap(holder)


def test_ed25519_accepts_what_is_valid_and_refuses_the_rest(cases):
    for group, case in cases("ed25519"):
        given = (h(group["publicKey"]["pk"]), h(case["msg"]), h(case["sig"]))
        if case["result"] == "valid":
            signature.verify(*given)
        else:
            with pytest.raises(Tampered):
                signature.verify(*given)

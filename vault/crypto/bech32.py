"""Bech32 (BIP-173) without its length limit, as age writes identities and recipients."""

from vault.errors import Invalid

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM = 6


def encode(prefix: str, content: bytes) -> str:
    """prefix ‖ "1" ‖ content ‖ checksum, in lower case; the prefix is lower case."""
    words = _regroup(list(content), 8, 5)
    mask = _polymod([*_expand(prefix), *words, *[0] * _CHECKSUM]) ^ 1
    words += [mask >> 5 * (5 - position) & 31 for position in range(_CHECKSUM)]
    return prefix + "1" + "".join(_ALPHABET[word] for word in words)


def decode(prefix: str, text: str) -> bytes:
    """The content of a lower-case text with this prefix; Invalid for any other text."""
    start = len(prefix) + 1
    words = [_ALPHABET.find(letter) for letter in text[start:]]
    if text[:start] != prefix + "1" or len(words) < _CHECKSUM or -1 in words:
        raise Invalid("This is not a complete key: it was cut or mistyped.")
    if _polymod([*_expand(prefix), *words]) != 1:
        raise Invalid("This is not a correct key: its checksum does not fit.")
    return bytes(_regroup(words[:-_CHECKSUM], 5, 8))


def _expand(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(words: list[int]) -> int:
    checksum = 1
    for word in words:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


def _regroup(words: list[int], width: int, wanted: int) -> list[int]:
    """The same bits in words of another width. The encoder pads with zeros; the decoder insists on them."""
    bits = pending = 0
    regrouped = []
    for word in words:
        bits, pending = bits << width | word, pending + width
        while pending >= wanted:
            pending -= wanted
            regrouped.append(bits >> pending)
            bits &= (1 << pending) - 1
    if width > wanted and pending:
        regrouped.append(bits << wanted - pending)
    elif width < wanted and (pending >= width or bits):
        raise Invalid("This is not a correct key: its last letter does not fit.")
    return regrouped

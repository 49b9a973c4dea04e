"""`Content-Disposition`: under which name a browser saves what it gets."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def disposition(kind: str, name: str) -> str:
    """`Content-Disposition` (RFC 6266), `kind` being attachment or inline; other than ASCII goes by RFC 8187."""
    plain = _UNSAFE.sub("-", unicodedata.normalize("NFKD", name))
    if plain == name:
        return f'{kind}; filename="{name}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"

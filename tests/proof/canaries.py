"""Words that must stay where they belong, in every way they might be written down; and a client that keeps every answer."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode, b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

PLACES = 3
"""Base64 spells a text in as many ways as there are places in a group where it may begin."""


@dataclass(frozen=True)
class Canary:
    """One word, as the bytes that it is written with."""

    name: str
    raw: bytes

    @classmethod
    def of(cls, name, text):
        return cls(name, text.encode())

    def spellings(self):
        """Each way in which it might have been written down, as patterns over bytes."""
        found = {"raw": self.raw, "hex": self.raw.hex().encode(), "HEX": self.raw.hex().upper().encode()}
        for start in range(PLACES):
            spelt = _folded(self.raw, start)
            found[f"base64+{start}"] = spelt
            found[f"base64url+{start}"] = spelt.replace(b"+", b"-").replace(b"/", b"_")
        if (text := self._text()) is not None:
            found |= {"url": quote(text, safe="").encode(), "form": quote_plus(text).encode()}
            found |= {"json": json.dumps(text)[1:-1].encode(), "utf-16": text.encode("utf-16-le")}
        return found

    def found_in(self, haystack):
        """How it is written down there, if it is."""
        return [name for name, spelt in self.spellings().items() if self._stands(spelt, haystack)]

    def _stands(self, spelt, haystack):
        if not spelt.isdigit():
            return spelt in haystack
        # Eight digits may be a part of a longer number by chance.
        return re.search(rb"(?<![0-9a-fA-F])" + spelt + rb"(?![0-9a-fA-F])", haystack) is not None

    def _text(self):
        try:
            return self.raw.decode()
        except UnicodeDecodeError:
            return None


def of_link(name, link):
    """The secret of a link, as it stands in the fragment and as the bytes that it means."""
    text = link.partition("#")[2]
    raw = b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    assert len(raw) == 32
    return [Canary.of(name, text), Canary(f"{name}, bytes", raw)]


@dataclass
class Answer:
    """What came back for one request."""

    method: str
    url: str
    status: int
    headers: bytes
    body: str
    typed: dict[str, str] = field(repr=False)


class Walker:
    """Somebody at a browser without script who keeps every answer in `answers`."""

    def __init__(self, app, answers):
        self.client, self.answers = app.test_client(), answers

    def get(self, url, status=200):
        return self._kept("GET", url, {}, self.client.get(url), status)

    def post(self, url, status=303, on="", **typed):
        """A form, with the token that stands `on` a page."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(on).body) if on else None
        fields = ({"csrf": token[1]} if token else {}) | typed
        return self._kept("POST", url, typed, self.client.post(url, data=fields), status)

    def _kept(self, method, url, typed, response, status):
        headers = "\n".join(f"{name}: {value}" for name, value in response.headers)
        kept = Answer(
            method, url, response.status_code, headers.encode(), response.data.decode(errors="replace"), typed
        )
        self.answers.append(kept)
        assert kept.status == status, (method, url, kept.status, kept.body)
        return kept


def _folded(raw, start):
    """The part of base64 that is the same whatever stands before and after, with `start` bytes before."""
    spelt = b64encode(bytes(start) + raw)
    return spelt[-(-start * 8 // 6) : (start + len(raw)) * 8 // 6]


@contextmanager
def all_logged(stream):
    """Everything that anybody logs is written there, but for the mail server's part, which is not the vault's."""
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    handler.addFilter(lambda record: not record.name.startswith("mail."))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(handler)
    root.setLevel(level)

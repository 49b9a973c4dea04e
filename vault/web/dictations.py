"""Sending a dictation as WAV: decoded while it is sent, stopped when the right to it ends."""

from __future__ import annotations

from flask import Response

from vault.inspection.dictation import Dictation
from vault.web.disposition import disposition
from vault.web.headers import as_user_content
from vault.web.ranges import Part, asked_part
from vault.web.streams import Sendable, Served, StillAllowed, Stream

MEDIA_TYPE = "audio/wav"


def asked_sound(found: Sendable, sound: Dictation) -> Part:
    """The part of the sound that this request asks for. `BadRange`, `Stale`."""
    return asked_part(tag_of(found), sound.length)


def tag_of(found: Sendable) -> str:
    """The entity tag, without quotes: another than the file's."""
    return f"{found.etag}-wav"


def send_dictation(
    found: Sendable, sound: Dictation, part: Part, still_allowed: StillAllowed, served: Served
) -> Response:
    """The answer to a request for the sound. `served` hears ranges of the sound.

    The first part is decoded here, so that what cannot be read is an error page.
    """
    response = Response(status=part.status, mimetype=MEDIA_TYPE)
    response.set_etag(tag_of(found))
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    if part.status == 304:
        return response
    name = found.file_name.rpartition(".")[0]
    response.headers["Content-Disposition"] = disposition("inline", f"{name}.wav")
    if part.status == 206:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end}/{sound.length}"
    if part.sends_content:
        response.response = Stream(sound.pieces(part.start, part.end), part.start, still_allowed, served)
    response.headers["Content-Length"] = str(part.length)
    return as_user_content(response)

"""A waveform as a picture: SVG from numbers alone. Its one colour can be told from light paper and from dark."""

from __future__ import annotations

from flask import Flask, Response

from vault.inspection.waveform import DRAWN
from vault.web.headers import as_user_content

COLOUR = "#4b8f9a"
HEIGHT = 96
LEAST = 1
"""Half the height of a silent part: a line is seen."""


def install(app: Flask) -> None:
    """Templates may ask of a media type whether it `is drawn`."""
    app.jinja_env.tests["drawn"] = DRAWN.__contains__


def send_waveform(peaks: bytes) -> Response:
    """The picture, empty without peaks. It is content: no script, no style, kept by no browser."""
    middle = HEIGHT // 2
    heights = [max(LEAST, peak * (middle - 2) // 255) for peak in peaks]
    strokes = "".join(f"M{2 * at + 1} {middle - half}v{2 * half}" for at, half in enumerate(heights))
    width = 2 * max(1, len(peaks))
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        f'preserveAspectRatio="none"><path d="{strokes}" stroke="{COLOUR}" stroke-width="1.5"/></svg>'
    )
    response = Response(picture, mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "no-store"
    return as_user_content(response)

"""Our own styles and scripts: read once at start, compressed in memory, cached for ever by their digest."""

import base64
import gzip
import mimetypes
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, request, url_for
from werkzeug.exceptions import NotFound

from vault.crypto.kdf import sha256

FOLDER = Path(__file__).parents[2] / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
FOREVER, ASK_AGAIN = "public, max-age=31536000, immutable", "public, no-cache"


class Static(NamedTuple):
    """One file: its bytes, the same compressed (empty if nothing is gained), type, digest."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


def install(app: Flask, folder: Path = FOLDER) -> None:
    """Serve the files below `folder` at /static/; `app` is made with `static_folder=None`."""
    files = {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

    def static(name: str) -> Response:
        if name not in files:
            raise NotFound
        return _answer(files[name])

    def static_url(name: str) -> str:
        return url_for("static", name=name, v=files[name].version)

    app.add_url_rule("/static/<path:name>", "static", static)
    app.add_template_global(static_url)


def _read(path: Path) -> Static:
    content = path.read_bytes()
    media_type = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, 9, mtime=0)
    version = base64.urlsafe_b64encode(sha256(content)[:12]).decode()
    return Static(content, compressed if len(compressed) < len(content) else b"", media_type, version)


def _answer(file: Static) -> Response:
    packed = bool(file.compressed) and request.accept_encodings["gzip"] > 0
    response = Response(file.compressed if packed else file.content, content_type=file.media_type)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = FOREVER if request.args.get("v") == file.version else ASK_AGAIN
    response.vary.add("Accept-Encoding")
    response.set_etag(f"{file.version}-gzip" if packed else file.version)
    response.make_conditional(request)
    return response

"""Whom a request speaks for: a program that wants JSON, or a person who wants a page."""

from flask import Request

PROGRAM_PATHS = ("/api/", "/files/")
PAGE, JSON, PROBLEM = "text/html", "application/json", "application/problem+json"


def speaks_json(request: Request) -> bool:
    """True under /api/ and /files/, for a JSON body, and where `Accept` prefers JSON to a page."""
    if request.path.startswith(PROGRAM_PATHS) or request.mimetype == JSON:
        return True
    return request.accept_mimetypes.best_match([PAGE, JSON, PROBLEM], default=PAGE) != PAGE

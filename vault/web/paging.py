"""Long lists in pages: a cursor, never an offset, so nothing is skipped or doubled while rows come and go."""

from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from flask import request
from pydantic import BaseModel
from werkzeug.wrappers import Response

from vault.errors import Fault, Invalid
from vault.web.locale import gettext

Item = TypeVar("Item")
DEFAULT_LIMIT, MAX_LIMIT, MAX_CURSOR = 25, 100, 200


class Asked(NamedTuple):
    """Which page is wanted: the cursor of the row before it, None for the first, and how many rows."""

    after: str | None
    limit: int


class Page(BaseModel, Generic[Item]):
    """Some rows of a list; `next` is the cursor of the page that follows, None on the last one."""

    items: list[Item]
    next: str | None = None


def asked_page() -> Asked:
    """`?after=&limit=` of this request: 25 rows if nothing is said, at most 100; else `Invalid`."""
    after, limit = request.args.get("after"), request.args.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_LIMIT):
        fault = Fault("/limit", gettext("Give a number from 1 to %(num)s.") % {"num": MAX_LIMIT})
        raise Invalid("The page is unknown.", errors=[fault])
    if after is not None and not (1 <= len(after) <= MAX_CURSOR and after.isascii() and after.isprintable()):
        fault = Fault("/after", gettext("Give the cursor of the page before."))
        raise Invalid("The page is unknown.", errors=[fault])
    return Asked(after, int(limit))


def next_url(page: Page[Item]) -> str | None:
    """The address of the page that follows, with the filters of this one."""
    if page.next is None:
        return None
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in {"after", "lang"}]
    return f"{request.path}?{urlencode([*kept, ('after', page.next)])}"


def linked(response: Response, page: Page[Item]) -> Response:
    """`response` with the `Link` header of RFC 8288 when a page follows."""
    url = next_url(page)
    if url:
        response.headers["Link"] = f'<{url}>; rel="next"'
    return response

"""Languages on pages: which one a request speaks, and how numbers, sizes and times are written in it.

The catalogues, and the two pseudo-languages that are never spoken in production, are `vault.languages`.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from babel.dates import format_date
from babel.numbers import format_decimal
from flask import Flask, Response, current_app, g, has_request_context, request
from markupsafe import Markup

from vault.languages import CATALOGUES, ENGLISH, PSEUDO, Language, message, moment, pseudo, read_catalogues
from vault.sentences import Sentence

__all__ = ["Language", "gettext", "message", "ngettext", "npgettext", "pgettext", "pseudo", "read_catalogues"]
COOKIE = "lang"
EXTERNAL = ("/s/", "/r/", "/files/requests/")
"""Where people without an account come: recipients of links, and senders of files that were asked for."""
UNITS = ("bytes", "kB", "MB", "GB", "TB")


def install(app: Flask, *, pseudo_languages: bool = False, catalogues: Path = CATALOGUES) -> None:
    """Give `app` its languages; templates get gettext, `language`, and filters for numbers, sizes, times and days."""
    spoken = (ENGLISH, *read_catalogues(catalogues), *(PSEUDO if pseudo_languages else ()))
    app.extensions["languages"] = {language.tag: language for language in spoken}
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    app.jinja_env.filters.update(caseno=caseno, filesize=filesize, duration=duration, clock=clock_of)
    app.jinja_env.filters.update(when=when, date=day, country=country)
    app.add_template_global(language, "language")
    app.add_template_global(lambda: [each for each in _here().values() if each not in PSEUDO], "languages")
    app.after_request(_keep_choice)


def language() -> Language:
    """The language of this request: `?lang=`, else the cookie, else that of whom it is for (`speak_to`), else
    `Accept-Language`, else English."""
    if not has_request_context():
        return ENGLISH
    if "language" not in g:
        g.language = _choose(_here())
    return g.language  # type: ignore[no-any-return]


def speak_to(tag: str | None) -> None:
    """From here on this page speaks the language of whom it is for, unless its visitor chose one, or nobody knows it."""
    found = _here() if has_request_context() else {}
    if tag in found and _chosen(found) is None:
        g.language = found[tag]


def _here() -> dict[str, Language]:
    """The languages of this page, by tag: pages for people outside speak some that others do not yet."""
    spoken: dict[str, Language] = current_app.extensions["languages"]
    is_external = request.path.startswith(EXTERNAL)
    return {tag: each for tag, each in spoken.items() if each.is_whole or is_external}


def _chosen(spoken: dict[str, Language]) -> Language | None:
    """What the visitor chose at the foot of a page, here or before."""
    choices = (request.args.get("lang"), request.cookies.get(COOKIE))
    return next((spoken[choice] for choice in choices if choice in spoken), None)


def _choose(spoken: dict[str, Language]) -> Language:
    chosen = _chosen(spoken)
    if chosen is not None:
        return chosen
    by_name = {tag.lower(): language for tag, language in spoken.items()}
    for wanted, _quality in request.accept_languages:
        exact, general = wanted.lower(), wanted.lower().partition("-")[0]
        if exact in by_name or general in by_name:
            return by_name.get(exact) or by_name[general]
    return ENGLISH


def _keep_choice(response: Response) -> Response:
    choice = request.args.get("lang", "")
    if choice in _here():
        secure, year = request.is_secure, timedelta(days=365)
        response.set_cookie(COOKIE, choice, max_age=year, secure=secure, httponly=True, samesite="Lax")
    return response


def gettext(text: str) -> str:
    """`text` in the language of the request, with its values where it has some."""
    if isinstance(text, Sentence):
        return text.said_by(language().translations)
    return language().translations.gettext(text) if text else ""


def ngettext(singular: str, plural: str, number: int) -> str:
    """The form of the sentence for `number`."""
    return str(language().translations.ngettext(singular, plural, number))


def pgettext(context: str, text: str) -> str:
    """`text`, told apart from its namesakes by `context`."""
    return str(language().translations.pgettext(context, text))


def npgettext(context: str, singular: str, plural: str, number: int) -> str:
    """The form for `number`, told apart by `context`."""
    return str(language().translations.npgettext(context, singular, plural, number))


def caseno(number: str) -> Markup:
    """The only way to print a case number: isolated, or a page from right to left shows another one."""
    return Markup('<bdi class="caseno" dir="ltr" translate="no">{}</bdi>').format(number)


def filesize(count: int) -> Markup:
    """`1 byte`, `12.3 MB`, `54 MB`: decimal units, three figures; isolated, or number and unit would change places."""
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    if unit == 0:
        return Markup("<bdi>{}</bdi>").format(
            ngettext("%(num)s byte", "%(num)s bytes", count) % {"num": count}
        )
    pattern = "#0.#" if size < 99.95 else "#0"
    figures = format_decimal(size, pattern, locale=language().locale)
    return Markup('<bdi class="size" dir="ltr">{} {}</bdi>').format(figures, UNITS[unit])


def duration(milliseconds: int) -> Markup:
    """`58:12`, `1:02:03`: as players write it, isolated and from left to right in every language."""
    return Markup('<bdi class="size" dir="ltr">{}</bdi>').format(clock_of(milliseconds))


def clock_of(milliseconds: int) -> str:
    """Minutes and seconds, with hours where there are any: `0:07`, `58:12`, `1:02:03`."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def when(at: datetime) -> Markup:
    """A `time` element: `22 Nov 2026, 14:05 UTC`; `at` is aware."""
    exact = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return _time(exact, moment(at, language().locale))


def day(value: date) -> Markup:
    """A `time` element: `22 Nov 2026`; of a moment, its day in UTC."""
    value = value.astimezone(UTC).date() if isinstance(value, datetime) else value
    return _time(value.isoformat(), format_date(value, "d MMM y", locale=language().locale))


def country(code: str) -> str:
    """The name of a country by its code of ISO 3166-1 alpha-2; the code where it has none in this language."""
    return str(language().locale.territories.get(code, code))


def _time(exact: str, shown: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(exact, shown)

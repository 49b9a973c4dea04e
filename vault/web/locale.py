"""Languages: which one a request speaks, its catalogue, and how numbers, sizes and times are written in it.

Catalogues are `vault/translations/<language>/LC_MESSAGES/messages.po`, compiled in memory at start; English
needs none. Two pseudo-languages, never in production, show what a translator would: `en-XA` (accents, 40 %
longer, brackets round each sentence, so that cut or glued sentences stand out) and `ar-XB` (the same, right
to left).
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from flask import Flask, Response, current_app, g, has_request_context, request
from markupsafe import Markup

CATALOGUES = Path(__file__).parent.parent / "translations"
COOKIE = "lang"
ACCENTED = str.maketrans("aceinouyACEINOUYdlst", "áçéíñöûýÁÇÉÎÑÖÛÝđłšţ")
KEPT = re.compile(r"(%\(\w+\)[sd]|%%|<[^>]*>|&\w+;)")
UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Language(NamedTuple):
    """A language as pages name it, and its words."""

    tag: str
    locale: Locale
    translations: NullTranslations

    @property
    def name(self) -> str:
        """Its own name for itself; of a pseudo-language, the tag."""
        pseudo_language = isinstance(self.translations, PseudoTranslations)
        return self.tag if pseudo_language else self.locale.get_language_name(self.locale) or self.tag

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, for the `dir` attribute."""
        return self.locale.text_direction


class PseudoTranslations(NullTranslations):
    """English in disguise: placeholders and markup stay, everything else gets accents and length."""

    def gettext(self, message: str) -> str:
        return pseudo(message)

    def ngettext(self, msgid1: str, msgid2: str, num: int) -> str:
        return pseudo(msgid1 if num == 1 else msgid2)

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002
        return pseudo(message)

    def npgettext(self, context: str, singular: str, plural: str, num: int) -> str:  # noqa: ARG002
        return pseudo(singular if num == 1 else plural)


ENGLISH = Language("en", Locale("en", "GB"), NullTranslations())
PSEUDO = (
    Language("en-XA", Locale("en", "GB"), PseudoTranslations()),
    Language("ar-XB", Locale("ar"), PseudoTranslations()),
)


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
    offered = [language for language in spoken if language not in PSEUDO]
    app.add_template_global(lambda: offered, "languages")
    app.after_request(_keep_choice)


def read_catalogues(folder: Path) -> list[Language]:
    """Every language that has a `messages.po` below `folder`, by tag."""
    found = []
    for path in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
        locale = Locale.parse(path.parent.parent.name)
        compiled = BytesIO()
        with path.open("rb") as source:
            write_mo(compiled, read_po(source, locale=locale))
        compiled.seek(0)
        found.append(Language(str(locale).replace("_", "-"), locale, Translations(compiled)))
    return found


def language() -> Language:
    """The language of this request: `?lang=`, else the cookie, else `Accept-Language`, else English."""
    if not has_request_context():
        return ENGLISH
    if "language" not in g:
        g.language = _choose(current_app.extensions["languages"])
    return g.language  # type: ignore[no-any-return]


def _choose(spoken: dict[str, Language]) -> Language:
    for choice in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if choice in spoken:
            return spoken[choice]
    by_name = {tag.lower(): language for tag, language in spoken.items()}
    for wanted, _quality in request.accept_languages:
        exact, general = wanted.lower(), wanted.lower().partition("-")[0]
        if exact in by_name or general in by_name:
            return by_name.get(exact) or by_name[general]
    return ENGLISH


def _keep_choice(response: Response) -> Response:
    choice = request.args.get("lang", "")
    if choice in current_app.extensions["languages"]:
        secure, year = request.is_secure, timedelta(days=365)
        response.set_cookie(COOKIE, choice, max_age=year, secure=secure, httponly=True, samesite="Lax")
    return response


def message(text: str) -> str:
    """Mark a sentence for the catalogues where it cannot be translated yet."""
    return text


def gettext(text: str) -> str:
    """`text` in the language of the request."""
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


@cache
def pseudo(text: str) -> str:
    """`[Šávé ~~]`: accents, about 40 % more length, brackets; placeholders, tags and entities are kept.

    What has its brackets already was translated where its numbers were put in.
    """
    if text.startswith("[") and text.endswith("]"):
        return text
    parts = KEPT.split(text)
    parts[::2] = [part.translate(ACCENTED) for part in parts[::2]]
    return f"[{''.join(parts)}{' ~' * max(1, len(text) // 5)}]"


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
    pattern = "#0.0" if size < 99.95 else "#0"
    figures = format_decimal(size, pattern, locale=language().locale).removesuffix(".0")
    return Markup('<bdi class="size" dir="ltr">{} {}</bdi>').format(figures, UNITS[unit])


def duration(milliseconds: int) -> Markup:
    """`58:12`, `1:02:03`: as players write it, isolated and from left to right in every language."""
    return Markup('<bdi class="size" dir="ltr">{}</bdi>').format(clock_of(milliseconds))


def clock_of(milliseconds: int) -> str:
    """Minutes and seconds, with hours where there are any: `0:07`, `58:12`, `1:02:03`."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def when(moment: datetime) -> Markup:
    """A `time` element: `22 Nov 2026, 14:05 UTC`; `moment` is aware."""
    moment = moment.astimezone(UTC)
    shown = format_datetime(moment, "d MMM y, HH:mm", locale=language().locale)
    return _time(moment.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{shown} UTC")


def day(value: date) -> Markup:
    """A `time` element: `22 Nov 2026`; of a moment, its day in UTC."""
    value = value.astimezone(UTC).date() if isinstance(value, datetime) else value
    return _time(value.isoformat(), format_date(value, "d MMM y", locale=language().locale))


def country(code: str) -> str:
    """The name of a country by its code of ISO 3166-1 alpha-2; the code where it has none in this language."""
    return str(language().locale.territories.get(code, code))


def _time(exact: str, shown: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(exact, shown)

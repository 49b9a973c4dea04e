"""Languages: their catalogues, as pages and letters speak them. No request is known here.

Catalogues are `vault/translations/<language>/LC_MESSAGES/messages.po`, compiled in memory at start; English
needs none. Two pseudo-languages, never in production, show what a translator would: `en-XA` (accents, 40 %
longer, brackets round each sentence, so that cut or glued sentences stand out) and `ar-XB` (the same, right
to left).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from babel import Locale
from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

CATALOGUES = Path(__file__).parent / "translations"
ACCENTED = str.maketrans("aceinouyACEINOUYdlst", "áçéíñöûýÁÇÉÎÑÖÛÝđłšţ")
PARTIAL = "Recipients' pages and letters only."
"""What the head of a catalogue says until all pages are in it."""
KEPT = re.compile(r"(%\(\w+\)[sd]|%%|<[^>]*>|&\w+;)")


class Language(NamedTuple):
    """A language as pages name it, and its words."""

    tag: str
    locale: Locale
    translations: NullTranslations
    is_whole: bool = True
    """Whether every page speaks it; otherwise only the recipients' pages and letters do."""

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


def read_catalogues(folder: Path) -> list[Language]:
    """Every language that has a `messages.po` below `folder`, by tag."""
    found = []
    for path in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
        locale = Locale.parse(path.parent.parent.name)
        compiled = BytesIO()
        with path.open("rb") as source:
            catalogue = read_po(source, locale=locale)
        write_mo(compiled, catalogue)
        compiled.seek(0)
        is_whole = PARTIAL not in catalogue.header_comment
        found.append(Language(str(locale).replace("_", "-"), locale, Translations(compiled), is_whole))
    return found


@cache
def spoken() -> Mapping[str, Language]:
    """English and every language that has a catalogue here, by tag."""
    return {language.tag: language for language in (ENGLISH, *read_catalogues(CATALOGUES))}


def language_of(tag: str) -> Language:
    """The language of this tag, or English where there is none."""
    return spoken().get(tag, ENGLISH)


def message(text: str) -> str:
    """Mark a sentence for the catalogues where it cannot be translated yet."""
    return text


def moment(at: datetime, locale: Locale) -> str:
    """`22 Nov 2026, 14:05 UTC`; `at` is aware."""
    return f"{format_datetime(at.astimezone(UTC), 'd MMM y, HH:mm', locale=locale)} UTC"


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

"""Sentences with values in them that are still said in another language when they are shown. No language is known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast


class Words(Protocol):
    """A language's words, as gettext has them."""

    def gettext(self, message: str) -> str: ...

    def ngettext(self, msgid1: str, msgid2: str, num: int) -> str: ...


class Sentence(str):
    """A sentence with its values put in, in English.

    `words` have `%(name)s` for each value; where there is a `plural` they are for one, and `%(num)s` is the number. A value
    that is a sentence is said in the other language too.
    """

    words: str
    plural: str
    values: Mapping[str, object]

    def __new__(cls, words: str, plural: str = "", /, **values: object) -> Sentence:
        chosen = words if not plural or values["num"] == 1 else plural
        sentence = super().__new__(cls, chosen % values)
        sentence.words, sentence.plural, sentence.values = words, plural, values
        return sentence

    def said_by(self, language: Words) -> str:
        """The same in another language."""
        if self.plural:
            words = str(language.ngettext(self.words, self.plural, cast(int, self.values["num"])))
        else:
            words = str(language.gettext(self.words))
        return words % {
            name: value.said_by(language) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }


def said(words: str, **values: object) -> Sentence:
    """A sentence with values."""
    return Sentence(words, **values)


def counted(singular: str, plural: str, number: int, **values: object) -> Sentence:
    """A sentence whose form a number decides."""
    return Sentence(singular, plural, num=number, **values)

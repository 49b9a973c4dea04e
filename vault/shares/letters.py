"""The letters of shares: a fixed catalogue, each with the fields that it may carry, in the language of whoever reads it.

Plain text, at most 12 lines. Of a case a letter tells the number and nothing else, and not even that where the office has
switched it off: no name, no file, no document type, no country. A subject line is the same for everybody. Addresses are
made from `CASEVAULT_BASE_URL` alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.cases.models import Case
from vault.crypto.encoding import b64url
from vault.languages import Language, language_of, moment
from vault.languages import message as _
from vault.mail import Letter
from vault.people.models import Office
from vault.people.notices import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from vault.crypto.secret import Secret
    from vault.runtime import Transaction
    from vault.shares.models import Share

PERMITTED = {"office", "number", "until", "url", "code", "minutes", "count", "page"}
"""All that any letter may carry. A test renders every letter with hostile data and compares."""
ON_A_LINE_OF_ITS_OWN = {"url", "page"}
LONGEST = 200
NUMERIC = {"number", "code", "minutes", "count"}
FIRST_STRONG, LEFT_TO_RIGHT, END = "\u2068", "\u2066", "\u2069"
JOINERS = "\u200c\u200d"
PLACES = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Paragraph:
    """A sentence: the first wording all of whose fields are known. With `when` only if that is said of the letter."""

    wordings: tuple[str, ...]
    when: str = ""

    def wording(self, known: Mapping[str, str], said: frozenset[str]) -> str | None:
        """The wording for these fields, if the paragraph belongs into the letter."""
        if self.when and self.when not in said:
            return None
        return next((words for words in self.wordings if set(PLACES.findall(words)) <= set(known)), None)


@dataclass(frozen=True)
class Kind:
    """One kind of letter."""

    subject: str
    paragraphs: tuple[Paragraph, ...]
    has_secret: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """What it may carry."""
        return frozenset(
            name
            for paragraph in self.paragraphs
            for words in paragraph.wordings
            for name in PLACES.findall(words)
        )


TOLD = Paragraph(())
"""Where the words of the notices stand that a letter tells of, a line for each kind."""
MOST_TOLD = 7
_WHICH = (Paragraph((_("It is about case %(number)s."),)),)
_WHERE = (Paragraph((_("Sign in to read more:"),)), Paragraph(("%(page)s",)))

LETTERS: dict[str, Kind] = {
    "link": Kind(
        _("Documents for you"),
        (
            Paragraph(
                (
                    _("%(office)s has made documents available to you for case %(number)s until %(until)s."),
                    _("%(office)s has made documents available to you until %(until)s."),
                )
            ),
            Paragraph((_("Open them here:"),)),
            Paragraph(("%(url)s",)),
            Paragraph(
                (_("You will be asked for your e-mail address and for a code that is sent to it."),), "code"
            ),
            Paragraph((_("You also need a password. The sender gives it to you another way."),), "password"),
            Paragraph((_("If you did not expect this, do not open it. Tell the sender."),)),
        ),
        has_secret=True,
    ),
    "request": Kind(
        _("Files are asked of you"),
        (
            Paragraph(
                (
                    _("%(office)s asks you for files for case %(number)s, until %(until)s."),
                    _("%(office)s asks you for files, until %(until)s."),
                )
            ),
            Paragraph((_("Send them here:"),)),
            Paragraph(("%(url)s",)),
            Paragraph((_("You also need a password. The sender gives it to you another way."),), "password"),
            Paragraph((_("If you did not expect this, do not open it. Tell the sender."),)),
        ),
        has_secret=True,
    ),
    "code": Kind(
        _("Your code"),
        (
            Paragraph(
                (
                    _("Your code to open the documents for case %(number)s:"),
                    _("Your code to open the documents:"),
                )
            ),
            Paragraph(("%(code)s",)),
            Paragraph((_("It is valid for %(minutes)s minutes, once. Nobody will ever ask you for it."),)),
            Paragraph((_("If you did not ask for it, somebody else has your link. Tell the sender."),)),
        ),
        has_secret=True,
    ),
    "notice": Kind(
        _("A notice from the vault"),
        (
            TOLD,
            *_WHICH,
            *_WHERE,
            Paragraph((_("You chose to be told at once. You can change that under Account."),)),
        ),
    ),
    "security": Kind(
        _("A security notice from the vault"),
        (TOLD, *_WHICH, *_WHERE, Paragraph((_("Notices about security are always mailed."),))),
    ),
    "summary": Kind(
        _("Daily summary"),
        (
            Paragraph((_("Notices that you have not read: %(count)s."),)),
            TOLD,
            *_WHERE,
            Paragraph((_("You chose to be told once a day. You can change that under Account."),)),
        ),
    ),
}


def write(
    kind: str,
    tag: str,
    to: str,
    fields: Mapping[str, str],
    said: frozenset[str] = frozenset(),
    told: Sequence[str] = (),
) -> Letter:
    """The letter in the language `tag`. `fields` are shown in one line each, `told` are words of kinds of notices; more
    than the kind may carry is a fault.
    """
    found, language = LETTERS[kind], language_of(tag)
    known = {each.words for each in KINDS.values()} if TOLD in found.paragraphs else set()
    if not set(fields) <= found.fields & PERMITTED or not set(told) <= known:
        raise ValueError(f"a letter of the kind {kind} does not carry this")
    gettext = language.translations.gettext
    shown = {name: _shown(name, value, language) for name, value in fields.items()}
    wordings = (
        wording
        for paragraph in found.paragraphs
        for wording in (told[:MOST_TOLD] if paragraph is TOLD else [paragraph.wording(shown, said)])
    )
    lines = [(words if PLACES.fullmatch(words) else gettext(words)) % shown for words in wordings if words]
    body = "\n".join(lines) + "\n"
    return Letter(to, gettext(found.subject), body, language.tag, found.has_secret)


def link_letter(tx: Transaction, share: Share, secret: Secret) -> Letter:
    """The letter that brings a link to its recipient; never its password."""
    fields = number_for(tx, share.office_id, share.case_id) | {
        "office": tx.session.get_one(Office, share.office_id).name,
        "until": moment(share.expires_at, language_of(share.recipient.language).locale),
        "url": link_url(tx, share, secret),
    }
    asked = {"code": share.asks_code, "password": share.profile is not None}
    said = frozenset(name for name, is_asked in asked.items() if is_asked)
    return write("link", share.recipient.language, share.recipient.email, fields, said)


def code_letter(tx: Transaction, share: Share, code: str) -> Letter:
    """The letter that brings a code to the recipient."""
    minutes = int(tx.settings.code_life.total_seconds()) // 60
    fields = number_for(tx, share.office_id, share.case_id) | {
        "code": f"{code[:4]} {code[4:]}",
        "minutes": str(minutes),
    }
    return write("code", share.recipient.language, share.recipient.email, fields)


def link_url(tx: Transaction, share: Share, secret: Secret) -> str:
    """The whole link, as it is shown or mailed once."""
    return f"{tx.settings.base_url}/s/{b64url(share.id.bytes)}#{b64url(secret.reveal())}"


def number_for(tx: Transaction, office_id: UUID, case_id: UUID) -> dict[str, str]:
    """The case's number, unless the office keeps it out of mails."""
    if tx.session.get_one(Office, office_id).numbers_unmailed_at is not None:
        return {}
    return {"number": tx.session.get_one(Case, case_id).number}


def _shown(name: str, value: str, language: Language) -> str:
    """The value in one line, without characters that turn its neighbours round; isolated where text runs from the right."""
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in value)
    kept = (each for each in spaced if unicodedata.category(each)[0] not in "CZ" or each in f" {JOINERS}")
    plain = "".join(kept)[:LONGEST]
    if name in ON_A_LINE_OF_ITS_OWN or language.direction == "ltr":
        return plain
    return f"{LEFT_TO_RIGHT if name in NUMERIC else FIRST_STRONG}{plain}{END}"

"""Recipients read pages and mails in English, French, Arabic and Spanish: nothing is missing, nothing is turned round."""

from __future__ import annotations

import ast
import gzip
import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tests.browsing import Browser
from tests.places import ROOT
from tests.post_office import HERS
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.crypto.secret import Secret
from vault.drops.forms import CODE
from vault.handlers import import_handlers
from vault.inspection.formats import ACCEPTED, FORMATS, REASONS
from vault.languages import CATALOGUES, language_of, spoken
from vault.people.notices import KINDS
from vault.shares.letters import LETTERS, write
from vault.shares.posting import mail_link
from vault.web import problems
from vault.web.notices import NOTICES

TAGS = ("ar", "es", "fr")
FRAME = [f"web/templates/{name}.html" for name in ("bare", "parts", "problem")]
OURS = (
    "code",
    "deleted",
    "deletion",
    "disclaimed",
    "documents",
    "finished",
    "identity",
    "landing",
    "recording",
)
ASKED = ("files", "landing", "left", "receipt", "results")
PAGES = [
    *FRAME,
    "bundles/templates/bundles/findings.html",
    *(f"shares/templates/shares/{name}.html" for name in OURS),
    *(f"drops/templates/drops/{name}.html" for name in ASKED),
    "transfers/templates/transfers/sending.html",
]
DOOR = [
    *(f"shares/{name}.py" for name in ("visits", "codes", "guesses", "arrivals", "lending")),
    *(f"drops/{name}.py" for name in ("visits", "closures", "arrivals", "dropping", "resuming", "receiving")),
    *(f"drops/{name}.py" for name in ("receipts", "sender_views")),
    *(f"transfers/{name}.py" for name in ("receiving", "quota", "settling")),
    *("access/throttle.py", "bundles/document_types.py", "web/multipart.py", "web/intake.py"),
]
WORDS = {"_": 1, "gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
MET = (
    *("invalid", "link-closed", "not-found", "too-many", "busy", "mail-not-sent", "vault-sealed", "tampered"),
    *(
        "conflict",
        "bad-range",
        "keys-unavailable",
        "foreign-request",
        "too-large",
        "wrong-type",
        "storage-full",
    ),
    *("upload-ended", "upload-busy", "wrong-offset", "wrong-checksum"),
)
FIRST_VISIT = 35_000


def on_pages() -> Iterator[str]:
    """What the templates say."""
    for page in PAGES:
        with (ROOT / "vault" / page).open("rb") as source:
            for _line, function, message, _notes in babel_extract(source, tuple(WORDS), (), {}):
                words = [message] if isinstance(message, str) else [each for each in message or () if each]
                yield from words[1:2] if function == "pgettext" else words[:1]


def at_the_door() -> Iterator[str]:
    """What is said to whoever opens a link or sends a file, or cannot: whole sentences in code that are no docstrings."""
    for module in DOOR:
        tree = ast.parse((ROOT / "vault" / module).read_text(encoding="utf-8"))
        kept = {id(one) for one in ast.walk(tree) if isinstance(one, ast.Constant)}
        for one in ast.walk(tree):
            if isinstance(one, ast.Expr):
                kept.discard(id(one.value))
            if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "counted":
                kept.discard(id(one.args[1]))
        for one in ast.walk(tree):
            is_text = isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) in kept
            if is_text and re.fullmatch(r"([A-Z]|%\(file\)s ).*\.", one.value):
                yield one.value


def about_files() -> Iterator[str]:
    """Why a file is not taken."""
    yield from (*REASONS.values(), ACCEPTED, *(accepted.phrase for accepted in FORMATS))
    tree = ast.parse((ROOT / "vault" / "transfers" / "uploads.py").read_text(encoding="utf-8"))
    yield from (
        one.value
        for one in ast.walk(tree)
        if isinstance(one, ast.Constant) and str(one.value).startswith("%(file)s")
    )


def in_letters() -> Iterator[str]:
    for kind in LETTERS.values():
        yield kind.subject
        yield from (words for paragraph in kind.paragraphs for words in paragraph.wordings if " " in words)
    import_handlers()
    yield from (kind.words for kind in KINDS.values())


def in_problems() -> Iterator[str]:
    for kind, meaning in problems.TABLE.items():
        if kind.code in MET:
            yield from (words for words in (meaning.title, meaning.sentence) if words)
    yield from (problems.FAILED.title, problems.FAILED.sentence)


def needed() -> set[str]:
    types = (entry.name for entry in DOCUMENT_TYPES.values())
    return {
        *(*on_pages(), *at_the_door(), *in_letters(), *in_problems(), *about_files(), *types),
        *(NOTICES["upload-stopped"], CODE),
    }


def entries(tag: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The forms of each message in English and in the language."""
    with (CATALOGUES / tag / "LC_MESSAGES" / "messages.po").open("rb") as source:
        found = [message for message in read_po(source, locale=tag) if message.id]

    def forms(words: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
        return (words,) if isinstance(words, str) else tuple(words)

    return [(forms(message.id), forms(message.string)) for message in found]


def places(words: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s", words))


def test_these_languages_are_spoken():
    assert set(spoken()) == {"en", *TAGS}
    assert [language_of(tag).direction for tag in ("ar", "fr", "xx")] == ["rtl", "ltr", "ltr"]


@pytest.mark.parametrize("tag", TAGS)
def test_no_sentence_that_a_recipient_meets_is_missing(tag):
    there = {english[0] for english, _theirs in entries(tag)}
    assert len(needed()) > 120
    assert needed() - there == set()


@pytest.mark.parametrize("tag", TAGS)
def test_every_sentence_is_translated_whole_and_keeps_its_places(tag):
    for english, theirs in entries(tag):
        assert all(theirs), english
        assert len(theirs) == (1 if len(english) == 1 else 6 if tag == "ar" else 2)
        for words in theirs:
            assert places(words) <= places(english[-1]), english
        assert places(theirs[-1]) == places(english[-1]), english
        if len(english[0]) > 12 and tag == "ar":
            assert re.search("[\u0600-\u06ff]", theirs[0]), english


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "لم تبقَ"), (1, "واحدة"), (2, "مرتا"), (3, "3 مرات"), (11, "11 مرة"), (100, "100 مرة")],
)
def test_arabic_counts_in_its_six_forms(count, words):
    forms = "%(num)s opening left", "%(num)s openings left"
    assert words in language_of("ar").translations.ngettext(*forms, count) % {"num": count}


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_speaks_one_language(kind, tag):
    fields = dict.fromkeys(LETTERS[kind].fields, "1")
    said = frozenset({"code", "password"})
    theirs, english = write(kind, tag, HERS, fields, said), write(kind, "en", HERS, fields, said)
    assert theirs.subject != english.subject
    shared = set(theirs.body.splitlines()) & set(english.body.splitlines())
    assert all(len(line) < 3 for line in shared)


def test_the_recipient_is_written_to_in_her_language(make, runtime, mailbox):
    lent = make.share(language="ar", password="seven green boats")
    mail_link(runtime, lent.owner, lent.share.id, Secret(lent.secret))

    [letter] = mailbox.letters
    assert (letter["Subject"], letter["Content-Language"]) == ("مستندات لك", "ar")
    assert re.search("الملف \u2066815-26-\\d{5}\u2069", mailbox.last)
    assert re.search("\u206829 نوفمبر 2026", mailbox.last)
    assert re.search(r"^http\S+/s/\S+#\S+$", mailbox.last, re.M)


@pytest.mark.parametrize(
    ("tag", "words"),
    [("ar", "مستندات الملف"), ("fr", "Documents du dossier"), ("es", "Documentos del expediente")],
)
def test_her_pages_are_in_her_language_and_the_colleagues_are_not_yet(app, make, tag, words):
    lent, client = make.share(asks_code=False, language=tag), app.test_client()
    headers = {"Accept-Language": tag}
    landing = client.get(lent.path, headers=headers)
    client.post(lent.path, data={"secret": lent.code}, headers=headers)
    page = client.get(f"{lent.path}/documents", headers=headers).text

    assert f'<html lang="{tag}" dir="{"rtl" if tag == "ar" else "ltr"}">' in landing.text
    assert words in page
    assert re.search(words + r'[^<]* ?<bdi class="caseno" dir="ltr"', page)
    assert '<html lang="en"' in Browser(app, lent.owner).get("/shares", headers=headers).text
    assert '<html lang="en"' in client.get("/sign-in?lang=ar").text


def test_a_refusal_is_in_her_language(app, make):
    lent = make.share()
    answer = app.test_client().post(f"{lent.path}?lang=fr", data={"secret": lent.code, "code": "00000000"})
    assert "Le code ne convient pas" in answer.text


def test_once_the_secret_is_proved_the_page_is_in_her_language_unless_she_chose_another(app, make):
    lent, english = (
        make.share(asks_code=False, language="ar", password="seven green boats"),
        {"Accept-Language": "en"},
    )
    client = app.test_client()
    assert '<html lang="en"' in client.get(lent.path, headers=english).text
    told = client.post(lent.path, data={"secret": lent.code}, headers=english).text
    assert "لهذا الرابط كلمة مرور" in told
    client.post(lent.path, data={"secret": lent.code, "password": "seven green boats"}, headers=english)
    assert "مستندات الملف" in client.get(f"{lent.path}/documents", headers=english).text
    assert '<html lang="ar"' in client.get(f"{lent.path}/deletion", headers=english).text
    assert "This is needed." not in client.post(f"{lent.path}/deletion", data={}, headers=english).text
    assert "Documents du dossier" in client.get(f"{lent.path}/documents?lang=fr", headers=english).text
    assert "Documents du dossier" in client.get(f"{lent.path}/documents", headers=english).text
    stranger = app.test_client().post(lent.path, data={"secret": "A" * 43}, headers=english)
    assert '<html lang="en"' in stranger.text
    assert '<html lang="en"' in app.test_client().get(f"{lent.path}/deletion", headers=english).text


def compressed(*contents: bytes) -> int:
    return sum(len(gzip.compress(content, 6)) for content in contents)


@pytest.mark.parametrize("tag", ["en", *TAGS])
def test_a_first_visit_is_small(app, make, tag):
    lent, client = make.share(asks_code=False), app.test_client()
    seen = [client.get(f"{lent.path}?lang={tag}").data]
    client.post(lent.path, data={"secret": lent.code})
    seen.append(client.get(f"{lent.path}/documents").data)
    linked = {name for page in seen for name in re.findall(rb'(?:href|src)="(/static/[^"]+)"', page)}
    seen += [client.get(name.decode()).data for name in sorted(linked)]

    assert len(linked) >= 3
    assert compressed(*seen) <= FIRST_VISIT
    assert max(compressed(page) for page in seen[:2]) <= 14_000

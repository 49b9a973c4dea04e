"""Each reader's language, and numbers that no direction can turn round."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from tests.web.front import make_app
from vault.web import locale


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [("fr-CA,en;q=0.5", "fr"), ("FR", "fr"), ("xx,en", "en"), ("", "en"), ("ar", "en"), ("ar-XB", "ar-XB")],
)
def test_the_browser_is_asked_for_the_language(guest, wanted, tag):
    page = guest.get("/forms", headers={"Accept-Language": wanted}).text
    assert f'<html lang="{tag}"' in page


def test_a_choice_by_address_is_kept_in_a_cookie(guest):
    assert "Nouvelle liasse" in guest.get("/forms?lang=fr").text
    assert "Nouvelle liasse" in guest.get("/forms").text
    assert "New bundle" in guest.get("/forms?lang=en", headers={"Accept-Language": "fr"}).text
    assert "New bundle" in guest.get("/forms?lang=../etc").text


def test_catalogues_know_context_and_plural(front):
    with front.test_request_context("/?lang=fr"):
        assert locale.pgettext("tier", "confidential") == "confidentiel"
        assert locale.gettext("confidential") == "confidential"
        assert locale.ngettext("%(num)s time", "%(num)s times", 2) == "%(num)s fois"


def test_pseudo_languages_are_not_spoken_in_production():
    from flask import Flask

    app = Flask("vault", static_folder=None)
    locale.install(app)
    with app.test_request_context("/?lang=ar-XB", headers={"Accept-Language": "en-XA"}):
        assert locale.language().tag == "en"


def test_a_pseudo_sentence_is_longer_and_keeps_its_places():
    text = locale.pseudo("Type %(number)s in <b>full</b> &amp; 100%% exact")
    assert len(text) > 1.3 * len("Type %(number)s in <b>full</b> &amp; 100%% exact")
    for kept in ("%(number)s", "<b>", "</b>", "&amp;", "%%"):
        assert kept in text


def test_no_sentence_of_a_page_escapes_translation(guest):
    """Every word of the frame is bracketed in the pseudo-language, except the product's and the languages' names."""
    page = guest.get("/landing?lang=en-XA").text
    for word in ("Help", "Skip to", "Documents for", "Continue", "can stay", "Places", "Work<"):
        assert word not in page


def test_the_pseudo_arabic_page_runs_from_right_to_left(guest):
    assert '<html lang="ar-XB" dir="rtl">' in guest.get("/forms?lang=ar-XB").text


def test_a_case_number_is_isolated_and_escaped():
    assert locale.caseno("<1>") == '<bdi class="caseno" dir="ltr" translate="no">&lt;1&gt;</bdi>'


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (12_345, "12.3 kB"), (99_960, "100 kB"),
     (999_499, "999 kB"), (999_500, "1 MB"), (54_000_000, "54 MB"), (3 * 10**15, "3000 TB")],
)  # fmt: skip
def test_sizes_have_three_figures(front, count, shown):
    with front.test_request_context("/"):
        assert locale.filesize(count).striptags() == shown
    with front.test_request_context("/?lang=fr"):
        assert [locale.filesize(each).striptags() for each in (10**9, 1_200_000)] == ["1 GB", "1,2 MB"]


def test_moments_are_shown_in_utc(front):
    moment = datetime(2026, 11, 22, 17, 5, tzinfo=timezone(timedelta(hours=3)))
    with front.test_request_context("/"):
        assert locale.when(moment) == '<time datetime="2026-11-22T14:05:00Z">22 Nov 2026, 14:05 UTC</time>'
        assert locale.day(date(2026, 11, 22)) == '<time datetime="2026-11-22">22 Nov 2026</time>'
        assert locale.day(datetime(2026, 11, 22, 23, tzinfo=UTC)) == locale.day(date(2026, 11, 22))


def test_digits_stay_western_in_arabic(front):
    with front.test_request_context("/?lang=ar-XB"):
        assert "22" in locale.when(datetime(2026, 11, 22, 14, 5, tzinfo=UTC))
        assert locale.filesize(12_345) == '<bdi class="size" dir="ltr">12.3 kB</bdi>'


def test_strangers_see_no_rail_and_members_see_theirs(guest):
    assert '<nav aria-label="Places">' in guest.get("/case").text
    assert 'aria-current="page"' in guest.get("/case").text
    assert '<nav aria-label="Places">' not in make_app(strangers=True).test_client().get("/case").text

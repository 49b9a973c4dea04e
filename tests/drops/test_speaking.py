"""Senders are spoken to in their language: pages, refusals with their numbers, the receipt."""

from __future__ import annotations

import re

import pytest

from vault.drops.service import MEGABYTE
from vault.languages import spoken
from vault.sentences import counted, said

SAYS = {
    "ar": ("إرسال مستندات تخص الملف", "مستند واحد على الأكثر", "وقد وصل.", "إيصال بالمستندات المرسلة"),
    "es": (
        "Enviar archivos para el expediente",
        "Como máximo 1 archivo",
        "Se le pidió como máximo 1 archivo",
        "Recibo de los archivos enviados",
    ),
    "fr": (
        "Envoyer des fichiers pour le dossier",
        "Au plus 1 fichier",
        "Il vous était demandé au plus 1 fichier",
        "Reçu pour les fichiers envoyés",
    ),
}


@pytest.mark.parametrize("tag", SAYS)
def test_the_whole_way_of_a_sender_is_in_the_language_that_the_request_carries(make, sender, tag):
    clinic = sender(make.request(language=tag, files=1))
    asked, bound, full, receipt = SAYS[tag]

    page = clinic.page().text
    assert f'<html lang="{tag}" dir="{"rtl" if tag == "ar" else "ltr"}">' in page
    assert re.search(asked + r' ?<bdi class="caseno" dir="ltr"', page)
    assert bound in page
    assert clinic.send(name="form.pdf").status_code == 303
    assert full in clinic.send(name="more.pdf").text
    clinic.receipt()
    assert receipt in clinic.client.get(f"{clinic.asked.path}/receipt").text


def test_until_the_secret_is_proved_a_page_follows_the_browser_and_then_who_was_asked(app, make):
    asked, client = make.request(language="ar", password="seven green boats"), app.test_client()
    english = {"Accept-Language": "en"}

    assert '<html lang="en"' in client.get(asked.path, headers=english).text
    assert '<html lang="en"' in client.post(asked.path, data={"secret": "A" * 43}, headers=english).text
    missing = client.post(asked.path, data={"secret": asked.code}, headers=english)
    assert "لهذا الرابط كلمة مرور" in missing.text
    chosen = client.post(f"{asked.path}?lang=es", data={"secret": asked.code}, headers=english)
    assert "Este enlace tiene una contraseña" in chosen.text


def test_a_refused_file_is_explained_in_the_senders_language_whatever_its_name(make, sender):
    clinic = sender(make.request(language="fr", file_limit=MEGABYTE))
    assert (
        "100% &lt;b&gt;.pdf n’a pas été enregistré : ce n’est pas un PDF"
        in clinic.send(b"GIF89a", "100% <b>.pdf").text
    )
    assert "il dépasse 1 MB" in clinic.send(b"%PDF-1.7\n" + bytes(MEGABYTE), "large.pdf").text


def test_guessing_is_slowed_down_in_words_of_ones_own(make, app):
    asked, client = make.request(language="ar"), app.test_client()
    for _ in range(6):
        answer = client.post(asked.path, data={"secret": asked.code, "claim": "ABCD2345"})
    assert answer.status_code == 429
    assert "حاول مرة أخرى بعد" in answer.text


def test_a_sentence_keeps_its_values_and_counts_in_each_language():
    one = counted(
        "Too many attempts. Try again in %(num)s second.",
        "Too many attempts. Try again in %(num)s seconds.",
        1,
    )
    empty = said("%(file)s was not stored: it is empty.", file="50%.pdf")
    arabic, spanish = spoken()["ar"].translations, spoken()["es"].translations
    assert one == "Too many attempts. Try again in 1 second."
    assert one.said_by(arabic).endswith("بعد ثانية واحدة.")
    assert empty.said_by(spanish) == "50%.pdf no se ha guardado: está vacío."

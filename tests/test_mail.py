"""Mail by SMTP, to servers that really run, and into a folder."""

from __future__ import annotations

import ipaddress
import ssl
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.post_office import post_office
from vault.errors import Invalid
from vault.mail import Letter, MailboxBusy, NoSuchMailbox, NotSent, Outbox, Smtp, open_post
from vault.settings import Settings

SENDER, NOW = "casevault@vault.example", datetime(2026, 11, 22, 9, tzinfo=UTC)
EVERYWHERE = "0.0.0.0"  # this machine, and no loopback address
LETTER = Letter(
    "iris@mission.example", "Documents for you", "Open:\nhttps://vault.example/s/x#y\n", "en", True
)
PLAIN = Letter("iris@mission.example", "A link was opened", "See the page.\n", "ar")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Key and certificate of this machine's addresses, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    own = [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", EVERYWHERE)]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(own), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def tls(certificate, monkeypatch) -> ssl.SSLContext:
    """What a server shows; this test's clients trust it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_a_letter_arrives_as_it_was_written():
    with post_office() as office:
        Smtp(office.url, SENDER).send(LETTER, NOW)

    [letter], [envelope] = office.letters, office.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["iris@mission.example"])
    assert office.last == LETTER.body
    assert letter.get_content_type() == "text/plain"
    assert (
        dict(letter.items()).items()
        >= {
            "From": SENDER,
            "To": "iris@mission.example",
            "Subject": "Documents for you",
            "Date": "Sun, 22 Nov 2026 09:00:00 +0000",
            "Content-Language": "en",
            "Auto-Submitted": "auto-generated",
        }.items()
    )
    assert letter["Message-ID"].endswith("@vault.example>")


def test_letters_in_other_scripts_arrive_whole():
    letter = Letter("élodie@mission.example", "مستندات لكم", "الرمز:\n\u20664821 7730\u2069\n.\n", "ar")
    with post_office() as office:
        Smtp(office.url, SENDER).send(letter, NOW)

    assert office.letters[0]["Subject"] == letter.subject
    assert office.last == letter.body


def test_starttls_is_used_where_it_is_offered(tls):
    with post_office(tls=tls) as office:
        Smtp(office.url, SENDER).send(LETTER, NOW)

    assert office.sessions[0].ssl
    assert len(office.letters) == 1


def test_an_outside_server_is_spoken_to_over_tls_alone(tls):
    with post_office(EVERYWHERE) as plain, pytest.raises(NotSent):
        Smtp(plain.url, SENDER).send(LETTER, NOW)
    with post_office(EVERYWHERE, tls=tls) as office:
        Smtp(office.url, SENDER).send(LETTER, NOW)

    assert plain.commands == []
    assert office.sessions[0].ssl


def test_a_certificate_that_nobody_vouches_for_stops_everything(tls, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with post_office(EVERYWHERE, tls=tls) as office, pytest.raises(NotSent):
        Smtp(office.url, SENDER).send(LETTER, NOW)

    assert office.commands == []


@pytest.mark.parametrize(("password", "arrives"), [("a:b@c/d", True), ("wrong", False)])
def test_a_name_and_a_password_are_given_where_they_are_set(tls, password, arrives):
    from urllib.parse import quote

    with post_office(tls=tls, login=("vault", "a:b@c/d")) as office:
        url = office.url.replace("smtp://", f"smtp://vault:{quote(password, safe='')}@")
        if arrives:
            Smtp(url, SENDER).send(LETTER, NOW)
        else:
            with pytest.raises(NotSent):
                Smtp(url, SENDER).send(LETTER, NOW)

    assert len(office.letters) == arrives


def test_a_rehearsal_is_a_letter_without_the_letter():
    with post_office() as office:
        Smtp(office.url, SENDER).rehearse()

    assert (office.commands, office.letters) == (["MAIL"], [])


def test_a_mailbox_that_is_not_there_is_told_from_a_server_that_is_ill():
    with post_office() as office:
        office.refused.add(LETTER.to)
        with pytest.raises(NoSuchMailbox):
            Smtp(office.url, SENDER).send(LETTER, NOW)
        office.refused.clear()
        office.full.add(LETTER.to)
        with pytest.raises(MailboxBusy):
            Smtp(office.url, SENDER).send(LETTER, NOW)
        office.is_ill = True
        with pytest.raises(NotSent) as refused:
            Smtp(office.url, SENDER).send(LETTER, NOW)

    assert type(refused.value) is NotSent
    assert refused.value.retry_after == 60
    assert refused.value.__cause__ is None


def test_a_server_that_is_not_there_says_nothing_of_the_letter():
    with pytest.raises(NotSent) as refused:
        Smtp("smtp://127.0.0.1:1", SENDER).send(LETTER, NOW)
    assert LETTER.to not in str(refused.value)
    assert "iris" not in repr(LETTER)
    assert "#y" not in repr(LETTER)


@pytest.mark.parametrize(
    "to",
    [
        *("0@[.0", "a@b", "a@b@c.example", "a..b@c.example", "a(b)@c.example", "@c.example", ""),
        *(
            "a.live\u202egro.rchnu@evil.example",
            "a\u200b@c.example",
            "a\u2800@c.example",
            "a\u2066b@c.example",
        ),
    ],
)
def test_no_letter_goes_to_what_is_no_address(to):
    with pytest.raises(Invalid):
        Letter(to, "Documents for you", "", "en")


BREAKS = st.sampled_from(["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])


@given(BREAKS, st.sampled_from(["Bcc: eve@evil.example", "\r\nhello", " x"]), st.booleans())
def test_r13_no_header_can_be_made_of_an_address_or_a_subject(end, rest, in_subject):
    with pytest.raises(Invalid):
        if in_subject:
            Letter("iris@mission.example", f"Documents{end}{rest}", "", "en")
        else:
            Letter(f"iris@mission.example{end}{rest}", "Documents", "", "en")


@settings(deadline=None)
@given(st.from_regex(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+\.[^@\s<>\"',;]+", fullmatch=True), st.text(), st.text())
def test_r13_whatever_the_texts_the_headers_are_ours(to, subject, body):
    try:
        message = Letter(to, subject, body, "en").message(SENDER, NOW)
        sent = message_from_bytes(message.as_bytes(), policy=default)
    except (Invalid, ValueError, UnicodeError):
        return
    assert {name.lower() for name in sent} == {
        *("from", "to", "subject", "date", "message-id", "content-language", "auto-submitted"),
        *("content-type", "content-transfer-encoding", "mime-version"),
    }


def test_without_a_server_letters_are_files_for_their_owner_alone_one_for_each(tmp_path):
    post = Outbox(tmp_path / "outbox", SENDER)
    for letter in (PLAIN, PLAIN, replace(PLAIN, id=uuid4())):
        post.send(letter, NOW)

    files = sorted((tmp_path / "outbox").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700
    assert message_from_bytes(files[0].read_bytes(), policy=default)["To"] == PLAIN.to


def test_a_letter_with_a_secret_is_never_written(tmp_path):
    post = Outbox(tmp_path / "outbox", SENDER)

    for send in (lambda: post.send(LETTER, NOW), post.rehearse):
        with pytest.raises(NotSent):
            send()
    assert not (tmp_path / "outbox").exists()


def test_the_settings_choose_the_post(tmp_path):
    folder = {"CASEVAULT_DATA": str(tmp_path)}
    assert not open_post(Settings.from_env(folder)).takes_secrets
    assert open_post(Settings.from_env(folder | {"CASEVAULT_SMTP_URL": "smtps://mail.example"})).takes_secrets

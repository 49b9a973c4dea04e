"""Settings: all faults at once, secrets masked, unsafe combinations refused."""

import pytest

from vault.errors import Misconfigured
from vault.settings import Settings


def faults_of(**environ):
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env(environ)
    return {fault.pointer for fault in caught.value.errors}


def test_an_empty_environment_gives_the_embedded_vault(tmp_path):
    settings = Settings.from_env({"CASEVAULT_DATA": str(tmp_path)})
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.database_url == f"sqlite:///{tmp_path}/database/vault.sqlite"
    assert settings.keystore_url != settings.database_url
    assert settings.store == f"disk:{tmp_path}/objects"


def test_mails_come_from_the_host_that_links_lead_to():
    settings = Settings.from_env({"CASEVAULT_BASE_URL": "https://vault.example.org:8443"})
    assert settings.mail_from == "casevault@vault.example.org"
    assert not settings.smtp_url


@pytest.mark.parametrize(
    "url",
    ["a.example", "http://a.example", "smtp:///", "smtp://user@a.example", "smtp://u:hunter2@a.example/x"],
)
def test_an_address_that_is_no_mail_servers_is_refused_and_not_repeated(url):
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env({"CASEVAULT_SMTP_URL": url, "CASEVAULT_MAIL_FROM": "a@b\r\nBcc: c@d"})
    assert {fault.pointer for fault in caught.value.errors} == {"CASEVAULT_SMTP_URL", "CASEVAULT_MAIL_FROM"}
    assert "a.example" not in caught.value.message
    assert "hunter2" not in caught.value.message


def test_every_fault_is_named_at_once():
    assert faults_of(CASEVAULT_BIND="nowhere", CASEVAULT_SHARE_DAYS="0", CASEVAULT_PROFILE="live") == {
        "CASEVAULT_BIND",
        "CASEVAULT_SHARE_DAYS",
        "CASEVAULT_PROFILE",
    }


def test_a_misspelt_setting_is_a_fault():
    assert faults_of(CASEVAULT_BASEURL="https://vault.example.org") == {"CASEVAULT_BASEURL"}


def test_a_secret_may_come_from_a_file_and_is_never_printed(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("postgresql://vault:hunter2hunter2@db/vault\n")
    settings = Settings.from_env({"CASEVAULT_DATABASE_URL_FILE": str(secret)})
    assert settings.database_url == "postgresql://vault:hunter2hunter2@db/vault"
    shown = {row["name"]: row for row in settings.described()}["CASEVAULT_DATABASE_URL"]
    assert shown["value"] == "***"
    assert shown["source"] == "CASEVAULT_DATABASE_URL_FILE"


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "192.0.2.7:8000", "[::]:8000"])
def test_an_outside_address_without_tls_is_refused_with_both_ways_out(bind):
    with pytest.raises(Misconfigured) as caught:
        Settings.from_env({"CASEVAULT_BIND": bind})
    assert "CASEVAULT_TLS_CERT" in caught.value.message
    assert "CASEVAULT_TRUSTED_PROXIES" in caught.value.message


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:9000", "[::1]:9000", "127.8.8.8:80"])
def test_loopback_needs_no_tls(bind):
    assert Settings.from_env({"CASEVAULT_BIND": bind}).bind == bind


def test_production_refuses_every_embedded_part_and_says_which():
    assert faults_of(CASEVAULT_PROFILE="production") == {
        "CASEVAULT_DATABASE_URL",
        "CASEVAULT_KEYSTORE_URL",
        "CASEVAULT_STORE",
        "CASEVAULT_ARCHIVE_STORE",
        "CASEVAULT_KMS",
        "CASEVAULT_BROKER_URL",
        "CASEVAULT_BASE_URL",
    }


def test_an_archive_is_another_place_than_the_store(tmp_path):
    for archive in ("s3://bucket/a/", "s3://bucket", "s3://bucket/a/packages"):
        same = {"CASEVAULT_STORE": "s3://bucket/a", "CASEVAULT_ARCHIVE_STORE": archive}
        assert faults_of(**same) == {"CASEVAULT_ARCHIVE_STORE"}
        other = {"CASEVAULT_ARCHIVE_STORE": "s3://bucket/a", "CASEVAULT_ARCHIVE_COPY": archive}
        assert faults_of(**other) == {"CASEVAULT_ARCHIVE_COPY"}
    for drop in ("objects/in", "archive", "."):
        own = {"CASEVAULT_DATA": str(tmp_path), "CASEVAULT_TRANSFER": f"folder:{tmp_path / drop}"}
        assert faults_of(**own) == {"CASEVAULT_TRANSFER"}
    settings = Settings.from_env({"CASEVAULT_DATA": str(tmp_path)})
    assert (settings.archive_store, settings.archive_lock) == (f"disk:{tmp_path}/archive", "governance")


@pytest.mark.parametrize(
    ("database", "keystore"),
    [
        ("postgresql://a:x@db/vault", "postgresql://b:y@db/vault"),
        ("postgresql://a:x@db/vault", "postgresql+psycopg://b:y@DB:5432/vault?sslmode=require"),
        ("postgresql://a@localhost/vault", "postgresql://b@127.0.0.1/vault"),
        ("postgresql://a@/vault?host=/run/pg", "postgresql://b@/va%75lt?host=/run/pg"),
        ("sqlite:///x/vault.sqlite", "sqlite:///x/../x/vault.sqlite"),
    ],
)
@pytest.mark.parametrize("profile", ["embedded", "production"])
def test_one_database_for_both_is_refused(database, keystore, profile):
    given = {"DATABASE_URL": database, "KEYSTORE_URL": keystore, "PROFILE": profile}
    with pytest.raises(Misconfigured, match="another owner") as caught:
        Settings.from_env({f"CASEVAULT_{name}": value for name, value in given.items()})
    assert "CASEVAULT_KEYSTORE_URL" in {fault.pointer for fault in caught.value.errors}


@pytest.mark.parametrize(
    "keystore",
    [
        "postgresql://a:x@db/keys",
        "postgresql://a:x@other/vault",
        "postgresql://a:x@db:5433/vault",
        "sqlite:///k",
    ],
)
def test_two_databases_are_two_by_name_server_or_port(keystore):
    given = {"CASEVAULT_DATABASE_URL": "postgresql://a:x@db/vault", "CASEVAULT_KEYSTORE_URL": keystore}
    assert Settings.from_env(given).keystore_url == keystore


REAL_PARTS = {
    "CASEVAULT_DATABASE_URL": "postgresql://a:x@db/vault",
    "CASEVAULT_KEYSTORE_URL": "postgresql://b:y@other/keys",
    "CASEVAULT_STORE": "s3://bucket/prefix",
    "CASEVAULT_ARCHIVE_STORE": "s3://archive",
    "CASEVAULT_KMS": "aws:key",
    "CASEVAULT_BROKER_URL": "redis://broker",
    "CASEVAULT_BASE_URL": "https://vault.example.org",
}


@pytest.mark.parametrize(
    ("profile", "said", "is_required"),
    [
        ("embedded", {}, False),
        ("demo", {}, False),
        ("production", REAL_PARTS, True),
        ("embedded", {"CASEVAULT_MFA": "required"}, True),
        ("production", REAL_PARTS | {"CASEVAULT_MFA": "optional"}, False),
    ],
)
def test_second_factors_are_required_in_production_unless_said(profile, said, is_required):
    settings = Settings.from_env({"CASEVAULT_PROFILE": profile} | said)
    assert (settings.mfa == "required") is is_required


def test_second_factors_are_required_for_all_for_some_or_for_nobody():
    assert faults_of(CASEVAULT_MFA="sometimes") == {"CASEVAULT_MFA"}

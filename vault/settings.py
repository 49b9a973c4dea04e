"""Settings: every `CASEVAULT_*` value, typed, with all faults reported at once.

A secret may also be given as `CASEVAULT_X_FILE`, a path whose content is the value. `docs/settings.md` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vault.addresses import clamd, database_place, is_loopback, listener, mail_from, site, smtp_url
from vault.amounts import count, days, hour, hours, minutes, positive, seconds
from vault.crypto.passwords import Argon2Profile, new_profile
from vault.errors import Fault, Misconfigured

PREFIX = "CASEVAULT_"
PROFILES = ("embedded", "demo", "production")
SECOND_FACTORS = ("required", "privileged", "optional")
LOCKS = ("governance", "compliance")
CHECKSUMS = ("when_supported", "when_required")
MEBIBYTE = 1024 * 1024


def _folder(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed")
        return text

    return read


def _setting(
    name: str, read: Callable[[str], Any], default: Any, secret: bool = False, help: str = ""
) -> Any:
    return field(default=default, metadata={"name": name, "read": read, "secret": secret, "help": help})


@dataclass(frozen=True)
class Settings:
    """One value per setting; defaults are the embedded ones. Times are timedeltas, sizes bytes."""

    data: Path = _setting("DATA", _folder, Path("data"), help="folder of the embedded parts")
    profile: str = _setting("PROFILE", _one_of(*PROFILES), "embedded", help="embedded, demo or production")
    mfa: str = _setting(
        "MFA", _one_of(*SECOND_FACTORS), "", help="second factors: required, privileged or optional"
    )
    bind: str = _setting(
        "BIND", listener, "127.0.0.1:8000", help="address and port the web server listens on"
    )
    base_url: str = _setting("BASE_URL", site, "", help="the only source of links")
    tls_cert: Path | None = _setting("TLS_CERT", _folder, None, help="certificate file (PEM)")
    tls_key: Path | None = _setting("TLS_KEY", _folder, None, help="its private key (PEM)")
    trusted_proxies: int = _setting("TRUSTED_PROXIES", count, 0, help="proxies in front of the vault")
    database_url: str = _setting("DATABASE_URL", str, "", secret=True, help="the database")
    keystore_url: str = _setting(
        "KEYSTORE_URL", str, "", secret=True, help="the keystore, apart from the database"
    )
    keystore_copy: Path | None = _setting("KEYSTORE_COPY", _folder, None, help="second copy, on another disk")
    store: str = _setting("STORE", str, "", help="disk:PATH or s3://BUCKET/PREFIX")
    s3_endpoint: str = _setting("S3_ENDPOINT", site, "", help="address of an S3 server other than AWS's")
    s3_region: str = _setting("S3_REGION", str, "", help="its region")
    s3_checksums: str = _setting(
        "S3_CHECKSUMS", _one_of(*CHECKSUMS), "", help="when_supported or when_required"
    )
    archive_store: str = _setting("ARCHIVE_STORE", str, "", help="disk:PATH or s3://BUCKET/PREFIX")
    archive_lock: str = _setting(
        "ARCHIVE_LOCK", _one_of(*LOCKS), "governance", help="what keeps packages in a bucket with Object Lock"
    )
    retention: timedelta = _setting(
        "RETENTION_DAYS",
        days,
        timedelta(days=3653),
        help="days that a package of permanent records is locked",
    )
    kms: str = _setting("KMS", str, "", help="keyring:PATH or aws:KEY_ARN")
    broker_url: str = _setting("BROKER_URL", str, "", secret=True, help="what rings the worker")
    smtp_url: str = _setting("SMTP_URL", smtp_url, "", secret=True, help="the mail server")
    mail_from: str = _setting("MAIL_FROM", mail_from, "", help="who mails come from")
    clamd: str = _setting("CLAMD", clamd, "", help="the virus scanner: unix:PATH or tcp:HOST:PORT")
    web_threads: int = _setting("WEB_THREADS", positive, 48, help="requests at once, per web process")
    web_processes: int = _setting("WEB_PROCESSES", positive, 2, help="web processes")
    head_patience: timedelta = _setting(
        "HEAD_SECONDS", seconds, timedelta(seconds=10), help="seconds for the head of a request"
    )
    body_patience: timedelta = _setting(
        "BODY_SECONDS", seconds, timedelta(seconds=30), help="seconds a sender may be slower than 1 KiB/s"
    )
    reader_patience: timedelta = _setting(
        "READER_SECONDS", seconds, timedelta(seconds=60), help="seconds a reader may be slower than 1 KiB/s"
    )
    session_idle: timedelta = _setting("SESSION_IDLE_MINUTES", minutes, timedelta(minutes=30), help="minutes")
    privileged_idle: timedelta = _setting(
        "PRIVILEGED_IDLE_MINUTES", minutes, timedelta(minutes=15), help="minutes, for privileged roles"
    )
    session_absolute: timedelta = _setting("SESSION_HOURS", hours, timedelta(hours=12), help="hours")
    unlock_idle: timedelta = _setting("UNLOCK_IDLE_MINUTES", minutes, timedelta(minutes=15), help="minutes")
    visitor_idle: timedelta = _setting(
        "RECIPIENT_IDLE_MINUTES", minutes, timedelta(minutes=30), help="minutes"
    )
    rejoin: timedelta = _setting(
        "REJOIN_HOURS", hours, timedelta(hours=72), help="hours an opening can be rejoined"
    )
    share_default: timedelta = _setting("SHARE_DAYS", days, timedelta(days=7), help="days a link lives")
    share_longest: timedelta = _setting("SHARE_MAX_DAYS", days, timedelta(days=30), help="days at most")
    code_life: timedelta = _setting(
        "CODE_MINUTES", minutes, timedelta(minutes=10), help="minutes an e-mailed code is good for"
    )
    digest_hour: int = _setting("DIGEST_HOUR", hour, 6, help="hour of the day, UTC, of daily summaries")
    loan_default: timedelta = _setting("LOAN_DAYS", days, timedelta(days=7), help="days a loan lives")
    loan_longest: timedelta = _setting("LOAN_MAX_DAYS", days, timedelta(days=30), help="days at most")
    request_default: timedelta = _setting(
        "REQUEST_DAYS", days, timedelta(days=14), help="days a file request is open"
    )
    request_longest: timedelta = _setting("REQUEST_MAX_DAYS", days, timedelta(days=60), help="days at most")
    account_life: timedelta = _setting(
        "ACCOUNT_DAYS", days, timedelta(days=365), help="days an account works"
    )
    dormant_after: timedelta = _setting(
        "DORMANT_DAYS", days, timedelta(days=30), help="days without a sign-in before it is locked"
    )
    recertify_every: timedelta = _setting(
        "RECERTIFICATION_DAYS", days, timedelta(days=30), help="days from one recertification to the next"
    )
    enrolment: timedelta = _setting("ENROLMENT_HOURS", hours, timedelta(hours=72), help="hours")
    approval: timedelta = _setting(
        "APPROVAL_HOURS",
        hours,
        timedelta(hours=72),
        help="hours until a request lapses without a second person",
    )
    recovery_wait: timedelta = _setting(
        "RECOVERY_WAIT", hours, timedelta(hours=24), help="hours before desk 1 may release a bundle's half"
    )
    cool_off: timedelta = _setting(
        "COOL_OFF_HOURS",
        hours,
        timedelta(hours=72),
        help="hours from the last approval of what cannot be undone",
    )
    upload_kept: timedelta = _setting(
        "UPLOAD_DAYS", days, timedelta(days=7), help="days an unfinished upload is kept"
    )
    epoch_length: timedelta = _setting(
        "EPOCH_DAYS", days, timedelta(days=30), help="days after which the keystore's epoch key is replaced"
    )
    form_limit: int = _setting("FORM_LIMIT", positive, 25 * MEBIBYTE, help="bytes, one file sent by form")
    file_limit: int = _setting("FILE_LIMIT", positive, 5 * 1024 * MEBIBYTE, help="bytes, one file")
    bundle_quota: int = _setting(
        "BUNDLE_QUOTA", positive, 100 * 1024 * MEBIBYTE, help="bytes, all files of one bundle"
    )
    argon2_memory: int = _setting("ARGON2_MEMORY_KIB", positive, 64 * 1024, help="KiB, for new passwords")
    argon2_time: int = _setting("ARGON2_TIME", positive, 3, help="passes, for new passwords")
    argon2_lanes: int = _setting("ARGON2_LANES", positive, 4, help="lanes, for new passwords")
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read all settings; raises `Misconfigured` naming every fault at once."""
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}
        faults: list[Fault] = []
        for setting in _described():
            name, read = PREFIX + setting.metadata["name"], setting.metadata["read"]
            try:
                text, source = _given(environ, name)
                if text is not None:
                    values[setting.name] = read(text)
                sources[setting.name] = source
            except (ValueError, OSError) as fault:
                faults.append(Fault(name, str(fault)))
        faults += _unknown(environ)
        if faults:
            raise _refusal(faults)
        return cls(**values, sources=sources).completed()

    def completed(self) -> Settings:
        """The same settings with embedded defaults filled in; raises `Misconfigured` for unsafe combinations."""
        data = self.data.expanduser().resolve()
        scheme = "https" if self.tls_cert else "http"
        whole = replace(
            self,
            data=data,
            mfa=self.mfa or ("required" if self.profile == "production" else "optional"),
            base_url=self.base_url or f"{scheme}://{self.bind}",
            database_url=self.database_url or f"sqlite:///{data / 'database' / 'vault.sqlite'}",
            keystore_url=self.keystore_url or f"sqlite:///{data / 'keystore' / 'keystore.sqlite'}",
            store=self.store or f"disk:{data / 'objects'}",
            archive_store=self.archive_store or f"disk:{data / 'archive'}",
            kms=self.kms or f"keyring:{data / 'keyring' / 'keyring.json'}",
            broker_url=self.broker_url or "filesystem://",
        )
        whole = replace(whole, mail_from=self.mail_from or f"casevault@{urlsplit(whole.base_url).hostname}")
        faults = [*whole._unsafe_bind(), *whole._embedded_in_production()]
        faults += [*whole._keystore_in_database(), *whole._archive_in_store()]
        if faults:
            raise _refusal(faults)
        return whole

    def new_profile(self) -> Argon2Profile:
        """Argon2id parameters for a new password, with a fresh salt."""
        return replace(
            new_profile(), memory_kib=self.argon2_memory, time=self.argon2_time, lanes=self.argon2_lanes
        )

    @property
    def s3(self) -> dict[str, str]:
        """How S3 is asked, as the stores take it."""
        return {"endpoint": self.s3_endpoint, "region": self.s3_region, "checksums": self.s3_checksums}

    @property
    def is_https(self) -> bool:
        """Whether people reach the vault over TLS, here or at a proxy."""
        return self.base_url.startswith("https://")

    def described(self) -> list[dict[str, str]]:
        """Name, value (secrets masked), source and meaning of every setting."""
        return [
            {
                "name": PREFIX + item.metadata["name"],
                "value": "***" if item.metadata["secret"] else _shown(getattr(self, item.name)),
                "source": self.sources.get(item.name, "default"),
                "help": item.metadata["help"],
            }
            for item in _described()
        ]

    def _unsafe_bind(self) -> list[Fault]:
        host = self.bind.rpartition(":")[0].strip("[]")
        if bool(self.tls_cert) != bool(self.tls_key):
            return [Fault("CASEVAULT_TLS_CERT", "a certificate and its key come together")]
        if is_loopback(host) or self.tls_cert or self.trusted_proxies:
            return []
        return [
            Fault(
                "CASEVAULT_BIND",
                f"{host} can be reached from outside without TLS. Set CASEVAULT_TLS_CERT and CASEVAULT_TLS_KEY,"
                " or put a TLS proxy in front and set CASEVAULT_TRUSTED_PROXIES",
            )
        ]

    def _embedded_in_production(self) -> list[Fault]:
        if self.profile != "production":
            return []
        embedded = {
            "CASEVAULT_DATABASE_URL": self.database_url.startswith("sqlite"),
            "CASEVAULT_KEYSTORE_URL": self.keystore_url.startswith("sqlite"),
            "CASEVAULT_STORE": self.store.startswith(("disk:", "memory:")),
            "CASEVAULT_ARCHIVE_STORE": self.archive_store.startswith("disk:"),
            "CASEVAULT_KMS": self.kms.startswith("keyring:"),
            "CASEVAULT_BROKER_URL": self.broker_url.startswith(("filesystem:", "memory:")),
            "CASEVAULT_BASE_URL": not self.is_https,
        }
        return [
            Fault(name, "the embedded part is refused in production; name a real one")
            for name, is_embedded in embedded.items()
            if is_embedded
        ]

    def _keystore_in_database(self) -> list[Fault]:
        """Who copies or reads one must not have the other with it."""
        if database_place(self.database_url) != database_place(self.keystore_url):
            return []
        return [
            Fault(
                "CASEVAULT_KEYSTORE_URL",
                "this is the database; the keystore is another one, with another owner",
            )
        ]

    def _archive_in_store(self) -> list[Fault]:
        """What is kept for ever has other rights, another lock and other copies than what changes daily."""
        archive, store = f"{self.archive_store.rstrip('/')}/", f"{self.store.rstrip('/')}/"
        if not self.archive_store or not (archive.startswith(store) or store.startswith(archive)):
            return []
        said = "this is the object store, or one lies within the other; the archive is another place"
        return [Fault("CASEVAULT_ARCHIVE_STORE", said)]


def _described() -> list[Any]:
    return [item for item in fields(Settings) if item.metadata]


def _given(environ: Mapping[str, str], name: str) -> tuple[str | None, str]:
    if environ.get(name, "").strip():
        return environ[name].strip(), name
    if environ.get(f"{name}_FILE", "").strip():
        return Path(environ[f"{name}_FILE"]).read_text(encoding="utf-8").strip(), f"{name}_FILE"
    return None, "default"


def _unknown(environ: Mapping[str, str]) -> list[Fault]:
    """A misspelt setting is a fault, not a silent default. Names for tests and tools are let pass."""
    known = {PREFIX + item.metadata["name"] for item in _described()}
    known |= {f"{name}_FILE" for name in known} | {"CASEVAULT_SUITES", "CASEVAULT_LIBMAGIC"}
    return [
        Fault(name, "no such setting")
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known and not name.startswith("CASEVAULT_TEST_")
    ]


def _refusal(faults: list[Fault]) -> Misconfigured:
    lines = "\n".join(f"  {fault.pointer}: {fault.message}" for fault in faults)
    return Misconfigured(f"These settings do not allow a start:\n{lines}", errors=faults)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)

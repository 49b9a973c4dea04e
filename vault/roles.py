"""Who may do what in PostgreSQL: the roles of the web processes and of the workers, in database and keystore.

Roles own nothing: tables, triggers and migrations belong to the owners of the two databases, whom only `casevault`
itself, run by hand, connects as. `RIGHTS` is the whole truth; what it does not name a role cannot reach, and a role that
it names in one database only cannot even connect to the other. In it `update(a b)` reaches two columns. A row is locked
by whoever may update one of its columns, and the guards of the log read the entries' numbers in the name of the writer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import Engine, text

from vault.db import make_engine
from vault.errors import Misconfigured
from vault.models import METADATA
from vault.settings import Settings

Rights = dict[str, str]

LOG_READER = {"audit_entries": "select insert", "audit_head": "select update(size frontier root at)"}
LOG_WRITER = {"audit_entries": "select(number) insert", "audit_head": "select update(size frontier root at)"}
START = {"alembic_version": "select", "deployment": "select"}
CLOCK = {"clock_mark": "select insert update(high_water_at)"}
JOBS = {"jobs": "select insert update"}
FORGOTTEN = (
    *("bookmarks", "case_aliases", "document_individuals", "idempotency_keys", "individuals", "jobs"),
    *("known_devices", "person_roles", "throttles", "unlockings"),
    *("recovery_codes", "step_ups", "person_sessions", "refusal_counts"),
    "due_documents",
)
"""Tables whose rows the web processes delete; all others only gain rows, or change them."""
OBJECT_COLUMNS = (
    "id document_id bundle_id case_id office_id number length object_name object_length object_digest"
    " seal checked_at check_failed_at read_at removed_at media_type deposited_at"
)
"""What a version says of its object: no lock, no head, no name."""

READER_COLUMNS = (
    "id office_id email mail_preference language mail_refused_at left_at sign_in_locked_at expires_at"
)
"""What the courier knows of a person: no name."""

BACKUPS = "select update(gone_at gone)"
"""Of backups of the keystore the web processes say that they are gone; who takes them is the keystore's owner."""
PACKAGE_STEPS = "state progress error_code failed_version_id"
"""What every step of a package says of itself."""
COPY_CHECKS = "mode kept_until verified_at looked_at unanswered turn failed_at fault lost_at"
"""What checks and repairs say of a copy."""

RETRIEVAL_COLUMNS = "id case_id office_id package_id bundle_id rewrapped_at copied_at dropped_at error_code"
RETRIEVED_COLUMNS = "id retrieval_id version_id old_start new_start object_name returned_at"
COPIED_COLUMNS = "object_name nonce object_length object_digest copied_at"
"""What the worker that copies a file out of a package reads of it, and what it says: no lock."""

TRANSFER_STEPS = (
    "progress error_code ticket size sha256 sha512 delivered_at accession_number receiver received_on received_at"
    " recorded_by_id receipt_key receipt_signature refused_code refused_digest"
)
"""What a worker says of a package on its way to a records repository: not that it may go."""

REMOVAL_STEPS = "state error_code failed_package_id removed_at ended_at ended_by_id end_reason"
"""What the steps of a removal say of themselves: no signature, and nothing of what was signed."""
DISPOSAL_STEPS = "state error_code ended_at ended_by_id end_reason"
"""What the steps of a disposal say of themselves."""
CERTIFICATE_STEPS = "waits_for waits_until waits_backup_id looked_at kept_at"
"""Why a certificate is not final yet, and that it was kept: nothing of what it says."""
GOING_COLUMNS = (
    "id document_id case_id slot_id object_name object_length object_digest seal removed_at deposited_at"
)
"""What two people sign of a version, and its slot."""

_WEB = {name: "select insert update" + " delete" * (name in FORGOTTEN) for name in METADATA.tables}

RIGHTS: dict[str, dict[str, Rights]] = {
    "web": {
        "database": _WEB | LOG_READER | CLOCK | START,
        "keystore": START
        | {
            "deployment": "select update(number)",
            "epochs": "select",
            "warrants": "select insert update(digest)",
        }
        | {"slots": "select insert update(epoch blob destroyed_at successor_id needs_warrant warrant_id)"}
        | {"keystore_backups": BACKUPS},
    },
    "archive": {
        "database": START
        | CLOCK
        | JOBS
        | LOG_WRITER
        | {"versions": f"select({OBJECT_COLUMNS}) update(checked_at check_failed_at read_at)"}
        | {
            "documents": "select(id document_type)",
            "archive_headers": "select(closure_id version_id header)",
            "archive_indexes": "select(closure_id disposal files object_name object_digest)",
            "packages": f"select update({PACKAGE_STEPS} size sha256 sha512 oxum archived_at disposed_at)",
            "package_copies": f"select insert update({COPY_CHECKS})",
            "incidents": "select insert update(state repaired_at repaired_by_id)",
            "retrievals": f"select({RETRIEVAL_COLUMNS}) update(copied_at error_code)",
            "retrieved_files": f"select({RETRIEVED_COLUMNS} copied_at) update({COPIED_COLUMNS})",
            "package_transfers": f"select update({TRANSFER_STEPS})",
            "signing_keys": "select(id public_key)",
            "cases": "select(id office_id state changed_at revision) update(state changed_at revision)",
            "removals": f"select update({REMOVAL_STEPS})",
            "removal_checks": "select insert update(checked_at)",
            "removed_versions": "select update(object_removed_at)",
            "disposals": f"select update({DISPOSAL_STEPS} erased_at)",
            "disposal_items": "select update(ended_at)",
            "disposal_signatures": "select(disposal_id signed_at)",
            "disposed_versions": "select update(object_removed_at)",
            "disposal_copies": "select insert update(removed_at remains locked_until)",
        },
    },
    "keys": {
        "database": START
        | CLOCK
        | JOBS
        | LOG_WRITER
        | {
            "destructions": "select insert update(state done_at successor_id ordered_at)",
            "restores": "select",
            "packages": f"select update({PACKAGE_STEPS} receipt_key_id receipt_signature)",
            "signing_keys": "select insert",
            "removals": f"select update({REMOVAL_STEPS} begun_at)",
            "removal_checks": "select",
            "removed_versions": "select insert update(slot_destroyed_at)",
            "disposals": f"select update({DISPOSAL_STEPS} begun_at slots_ended_at)",
            "disposal_items": "select update(ended_at)",
            "disposal_signatures": "select",
            "disposed_versions": "select insert update(slot_destroyed_at)",
            "disposal_copies": "select",
            "offices": "select(id name)",
            "shares": "select(id ended_at)",
            "shared_documents": "select(share_id document_id)",
            "loans": "select(document_id ended_at)",
            "uploads": "select(document_id completed_at dropped_at)",
            "certificates": f"select insert update({CERTIFICATE_STEPS})",
            "office_slots": "select insert",
            "versions": f"select({GOING_COLUMNS}) update(removed_at slot_id)",
            "documents": "select(id document_type bundle_id case_id office_id withdrawn_at)",
            "holds": "select(id document_id bundle_id case_id class_id released_at)",
            "held_documents": "select",
            "retention_types": "select(office_id document_type class_id)",
            "archive_headers": "select(closure_id version_id)",
            "closures": "select(id number closed_on closed_by_id reopened_at)",
            "package_copies": "select",
            "cases": "select(id state number)",
            "persons": "select(id left_at)",
        },
        "keystore": START
        | {
            "deployment": "select update(number)",
            "epochs": "select insert update delete",
            "slots": "select insert update",
            "warrants": "select insert update(given_at digest)",
            "keystore_backups": "select insert update",
        },
    },
    "courier": {
        "database": START
        | JOBS
        | {
            "clock_mark": "select",
            "notices": "select update(mail_at mailed_at letter_id email)",
            "persons": f"select({READER_COLUMNS}) update(mail_refused_at)",
            "person_roles": "select",
            "shares": "select(id owner_id office_id case_id)",
            "file_requests": "select(id owner_id office_id case_id)",
            "share_requests": "select(id owner_id office_id case_id)",
            "share_batches": "select(id owner_id office_id)",
            "recoveries": "select(id office_id case_id)",
            "cases": "select(id number)",
            "offices": "select(id numbers_unmailed_at)",
        },
    },
}


def set_all_rights(settings: Settings, prefix: str, dry_run: bool = False) -> list[dict[str, str]]:
    """Every role has its rights in both databases. Returns the SQL of each part; with `dry_run` it is only that.

    Errors: `Misconfigured` on SQLite, and when a role is not there.
    """
    done = []
    for part, url in (("database", settings.database_url), ("keystore", settings.keystore_url)):
        engine = make_engine(url)
        try:
            done += [
                {"part": part, "sql": sql} for sql in statements(part, engine.url.database or "", prefix)
            ]
            if not dry_run:
                set_rights(engine, part, prefix)
        finally:
            engine.dispose()
    return done


def set_rights(engine: Engine, part: str, prefix: str) -> None:
    """The roles `<prefix>_web` and so on have exactly these rights in `part`: "database" or "keystore".

    Errors: `Misconfigured` on SQLite, which has no roles, and when a role is not there.
    """
    if engine.dialect.name != "postgresql":
        raise Misconfigured("SQLite has no roles: whoever reads the file reads all of it.")
    with engine.begin() as connection:
        known = set(connection.scalars(text("SELECT rolname FROM pg_roles")))
        if missing := [name for name in (f"{prefix}_{role}" for role in RIGHTS) if name not in known]:
            raise Misconfigured(
                f"Make these roles first, each with LOGIN and a password: {', '.join(missing)}"
            )
        for statement in statements(part, engine.url.database or "", prefix):
            connection.exec_driver_sql(statement)


def statements(part: str, database: str, prefix: str) -> Iterator[str]:
    """The SQL for one of the two databases, in order. Repeating it changes nothing."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", prefix):
        raise Misconfigured("A prefix has small letters, digits and underscores, at most 41.")
    place = _quoted(database)
    yield f"REVOKE ALL ON DATABASE {place} FROM PUBLIC"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    for role, rights in RIGHTS.items():
        name = f"{prefix}_{role}"
        yield f"REVOKE ALL ON DATABASE {place} FROM {name}"
        yield f"REVOKE ALL ON SCHEMA public FROM {name}"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}"
        if part in rights:
            yield f"GRANT CONNECT ON DATABASE {place} TO {name}"
            yield f"GRANT USAGE ON SCHEMA public TO {name}"
            yield from (f"GRANT {_sql(given)} ON {table} TO {name}" for table, given in rights[part].items())


def _sql(rights: str) -> str:
    """`select update(a b)` as SQL says it."""
    return ", ".join(
        verb.upper() + (f" ({', '.join(columns.split())})" if columns else "")
        for verb, columns in re.findall(r"(\w+)(?:\(([^)]*)\))?", rights)
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""`casevault check`: what works, what is missing, what is risky; names and plain words, no secrets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from vault.addresses import is_loopback
from vault.archive.alarms import count_alarms
from vault.backups.queries import PARTS, warnings
from vault.clock import ClockState, read_clock
from vault.errors import VaultError
from vault.inspection.scanner import Scanner
from vault.inspection.spill import DISK, MEMORY, find_spill, swaps
from vault.inspection.walls import Walls, try_walls
from vault.inspection.watermarks import can_join_letters
from vault.jobs import FAILED, Job
from vault.people.notice_models import Notice
from vault.retention.scanning import late_offices
from vault.runtime import Runtime
from vault.stores import look_at_stores
from vault.web.health import look_at_parts

Finding = dict[str, str]
GRACE = timedelta(days=1)
"""How long the worker may take to begin a new epoch."""
LATE = timedelta(hours=1)
"""How long a notice may wait for the mail server."""

ALARMS = {
    "failed": "{failed} copies of packages are not what was written.",
    "hopeless": "Of {hopeless} packages no copy is good: nothing is repaired by itself.",
    "files_failed": "{files_failed} stored files are missing or are not what was stored.",
    "open": "{open} incidents are open.",
    "repaired": "{repaired} incidents are repaired and wait for somebody to close them.",
    "not_looked_at": "{not_looked_at} copies were not looked at for more than a day. Does a worker run?",
    "not_read": "{not_read} copies are overdue to be read whole.",
    "files_not_looked_at": "{files_not_looked_at} stored files were not looked at for more than a day.",
    "files_not_read": "{files_not_read} stored files are overdue to be read whole.",
    "unanswered": "For {unanswered} copies the archive did not answer last.",
    "single": "{single} packages lack their copy in the second archive.",
}
"""What `fixity` says of each count that is not nought."""


def diagnose(runtime: Runtime) -> list[Finding]:
    """One finding for each part: `ok`, `warning` or `failed`, and what to do."""
    parts = look_at_parts(runtime)
    findings = [_finding(name, "ok" if answers else "failed", "") for name, answers in parts.items()]
    return [
        *findings,
        *(_finding(*found) for found in look_at_stores(runtime)),
        _second_copy(runtime),
        _keyring(runtime),
        _epoch(runtime),
        *_backups(runtime),
        _clock(runtime),
        _jobs(runtime),
        _fixity(runtime),
        _retention(runtime),
        _mail(runtime),
        _inspection(),
        _letters(),
        _scanner(runtime),
    ]


def _second_copy(runtime: Runtime) -> Finding:
    if runtime.settings.keystore_copy is None and runtime.settings.keystore_url.startswith("sqlite"):
        note = "The keystore has no second copy: one lost disk loses every case. Set CASEVAULT_KEYSTORE_COPY."
        return _finding("second copy", "warning", note)
    return _finding("second copy", "ok", "")


def _keyring(runtime: Runtime) -> Finding:
    scheme, _, path = runtime.settings.kms.partition(":")
    if scheme == "keyring" and Path(path).is_relative_to(runtime.settings.data):
        return _finding("keyring", "warning", "The keyring lies beside the data: who takes one takes both.")
    return _finding("keyring", "ok", "")


def _epoch(runtime: Runtime) -> Finding:
    try:
        _number, began_at = runtime.keystore.epochs.newest()
    except VaultError as error:
        return _finding("epoch", "failed", error.message)
    if runtime.clock.now() > began_at + runtime.settings.epoch_length + GRACE:
        return _finding("epoch", "warning", "The epoch key is overdue. Run: casevault keys rotate")
    return _finding("epoch", "ok", "")


def _backups(runtime: Runtime) -> list[Finding]:
    """Backups of the database and of the keystore, and the last drill: one finding each."""
    now = runtime.clock.now()
    with runtime.session() as session:
        notes = dict(warnings(session, runtime.keystore, now))
    return [_finding(part, "warning" if part in notes else "ok", notes.get(part, "")) for part in PARTS]


def _clock(runtime: Runtime) -> Finding:
    with runtime.session() as session:
        state = read_clock(session, runtime.clock).state
    notes = {
        ClockState.BEHIND: "The system's clock is behind the latest commit. Set it right.",
        ClockState.AHEAD: "The clock jumped ahead, or the vault was off. Confirm it on the page System.",
    }
    return _finding("clock", "ok" if state is ClockState.STEADY else "warning", notes.get(state, ""))


def _jobs(runtime: Runtime) -> Finding:
    with runtime.session() as session:
        failed = session.scalar(select(func.count()).select_from(Job).where(Job.state == FAILED)) or 0
    return _finding("jobs", "warning" if failed else "ok", f"{failed} failed" if failed else "")


def _fixity(runtime: Runtime) -> Finding:
    """What is not what was stored, and checks that do not come: counted here, whether a worker lives or not."""
    with runtime.session() as session:
        alarms = count_alarms(session, runtime.settings, runtime.clock.now())
    notes = [note.format(**alarms.model_dump()) for name, note in ALARMS.items() if getattr(alarms, name)]
    if alarms.hopeless and alarms.is_alone:
        notes.append("There is one archive alone, so none can be repaired by itself.")
    state = "failed" if alarms.is_found else "warning" if notes else "ok"
    return _finding("fixity", state, " ".join(notes))


def _retention(runtime: Runtime) -> Finding:
    with runtime.session() as session:
        late = len(late_offices(session, runtime.clock.now()))
    note = f"No scan of what is due has come to its end for a day, in offices: {late}." if late else ""
    return _finding("retention", "failed" if late else "ok", note)


def _mail(runtime: Runtime) -> Finding:
    late = Notice.mail_at < runtime.clock.now() - LATE
    with runtime.session() as session:
        waiting = session.scalar(select(func.count()).select_from(Notice).where(late)) or 0
    return _finding("mail", "warning" if waiting else "ok", f"{waiting} notices wait" if waiting else "")


def _inspection() -> Finding:
    """What holds the processes that read users' files on this machine, tried from inside."""
    try:
        walls = try_walls()
    except VaultError as error:
        return _finding("inspection", "failed", error.message)
    stand = f"Stands: {', '.join(walls.stand) or 'nothing'}."
    if walls.possible:
        return _finding("inspection", "failed", f"It could {', '.join(walls.possible)}. {stand}")
    if walls.missing:
        note = f"Missing here: {', '.join(walls.missing)}. {stand} It could not {', '.join(Walls.ACTS)}."
        return _finding("inspection", "warning", note)
    return _finding("inspection", "ok", f"{stand} It could not {', '.join(Walls.ACTS)}.")


def _letters() -> Finding:
    """Whether stamps on pages show Arabic and Hebrew."""
    try:
        can_join = can_join_letters()
    except VaultError as error:
        return _finding("letters", "failed", error.message)
    note = (
        "Stamps leave out Arabic and Hebrew letters: FriBidi is missing. On Debian: apt install libfribidi0."
    )
    return _finding("letters", "ok" if can_join else "warning", "" if can_join else note)


def _scanner(runtime: Runtime) -> Finding:
    """Whether the virus scanner answers, and where it writes what it scans: proved with a canary, or said to be unproved."""
    address = runtime.settings.clamd
    if not address:
        return _finding("scanner", "warning", "There is no virus scanner. Set CASEVAULT_CLAMD.")
    scanner = Scanner(address)
    if scanner.answer(b"PING") != b"PONG":
        return _finding("scanner", "failed", "The virus scanner does not answer. No file is scanned.")
    host = address.removeprefix("tcp:").rpartition(":")[0]
    if address.startswith("tcp:") and not is_loopback(host.strip("[]")):
        note = "Files go to the virus scanner over the network, unencrypted. Let it listen on a socket of this machine."
        return _finding("scanner", "warning", note)
    try:
        spill = find_spill(scanner)
    except OSError:
        return _finding("scanner", "failed", "The virus scanner broke off while it was looked at.")
    notes = {
        DISK: "The virus scanner writes what it scans on a disk, in the clear. Put its TemporaryDirectory on a tmpfs.",
        MEMORY: "It writes what it scans on a tmpfs: a canary was found there.",
    }
    unproved = "Where the virus scanner writes is not proved: only root and its own user may look. Run this as one of them."
    note = notes.get(spill, unproved)
    if spill == MEMORY and swaps():
        return _finding(
            "scanner", "warning", f"{note} This machine swaps, and may write it to a disk all the same."
        )
    return _finding("scanner", "ok" if spill == MEMORY else "warning", note)


def _finding(part: str, state: str, note: str) -> Finding:
    return {"part": part, "state": state, "note": note}

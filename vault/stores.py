"""The archive of a vault, and what the places promise where objects and packages lie, as `casevault check` says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from vault.errors import VaultError
from vault.runtime import Runtime
from vault.settings import Settings
from vault.store.archive import FIRST, SECOND, Archive, open_archive
from vault.store.drop import Drop, open_drop
from vault.store.s3.retention import S3Archive, lock_of
from vault.store.s3.store import S3Store

SKEW = timedelta(minutes=1)
"""How far another machine's clock may be from ours. S3 refuses whoever is a quarter of an hour off."""
GAP = (
    "This bucket does not keep two writers of one name apart: the server ignores If-None-Match or If-Match here. Use a"
    " bucket without versions, or another server."
)
DEFAULT = (
    "The bucket locks by itself, so what an upload leaves cannot be removed. Take its default retention away."
)
POLICY = "A folder: read-only files, and the vault's own rule. Whoever owns the disk can remove them."
ALONE = (
    "Packages lie in one archive alone: one that goes bad there cannot be repaired. Set CASEVAULT_ARCHIVE_COPY"
    " to another place."
)
UNLOCKED = (
    "The bucket has no Object Lock: whoever has its credentials can remove packages. Make one that has."
)


def archive_of(runtime: Runtime) -> Archive:
    """Where the packages of this vault are kept. Raises `Misconfigured`."""
    return open_archive_of(runtime.settings, runtime.clock.now)


def open_archive_of(settings: Settings, now: Callable[[], datetime]) -> Archive:
    """The archive that these settings name. Raises `Misconfigured`."""
    return open_archive(settings.archive_store, settings.archive_lock, now, **settings.s3)


def drop_of(settings: Settings) -> Drop:
    """Where packages are handed over to a records repository. Raises `Misconfigured`, also where none is named."""
    return open_drop(settings.transfer, **settings.s3)


def archives_of(runtime: Runtime) -> dict[str, Archive]:
    """The first archive and, where there is one, the second. Raises `Misconfigured`."""
    found, settings = {FIRST: archive_of(runtime)}, runtime.settings
    if settings.archive_copy:
        found[SECOND] = open_archive(
            settings.archive_copy, settings.archive_lock, runtime.clock.now, **settings.s3
        )
    return found


def look_at_stores(runtime: Runtime) -> Iterator[tuple[str, str, str]]:
    """Part, state and note of the bucket of objects, if they lie in one, and of each archive."""
    store = runtime.store
    if isinstance(store, S3Store):
        yield ("bucket", *_told(lambda: _bucket(runtime, store, is_archive=False)))
    yield ("archive", *_told(lambda: _archive(runtime, FIRST)))
    if runtime.settings.archive_copy:
        yield ("second archive", *_told(lambda: _archive(runtime, SECOND)))
    else:
        yield ("second archive", "warning", ALONE)
    if runtime.settings.transfer:
        yield ("transfer", *_told(lambda: _drop(runtime)))


def _told(look: Callable[[], tuple[list[str], str]]) -> tuple[str, str]:
    """State and note: warnings if there are any, else what is good."""
    try:
        warnings, good = look()
    except VaultError as error:
        return "failed", error.message
    return ("warning", " ".join(warnings)) if warnings else ("ok", good)


def _archive(runtime: Runtime, which: str) -> tuple[list[str], str]:
    archive = archives_of(runtime)[which]
    return _bucket(runtime, archive, is_archive=True) if isinstance(archive, S3Archive) else ([], POLICY)


def _drop(runtime: Runtime) -> tuple[list[str], str]:
    drop_of(runtime.settings).size("nothing")
    return [], "The drop of the records repository answers."


def _bucket(runtime: Runtime, store: S3Store, is_archive: bool) -> tuple[list[str], str]:
    lock, behind = lock_of(store), store.bucket.behind(runtime.clock.now())
    facts = ["versions" if store.bucket.is_versioned else "no versions"]
    facts += ["conditional writes" if store.bucket.is_conditional else "no conditional writes"]
    facts += [f"locks: {runtime.settings.archive_lock}" if lock.is_there else "no locks"]
    warnings = []
    # Of a package there is one writer, and the first version counts.
    if not is_archive and not store.bucket.is_conditional:
        warnings.append(GAP)
    if lock.by_default:
        warnings.append(DEFAULT)
    if is_archive and not lock.is_there:
        warnings.append(UNLOCKED)
    if abs(behind) > SKEW:
        warnings.append(f"Its clock is {abs(behind).total_seconds():.0f} seconds from ours. Set ours right.")
    return warnings, f"It has {', '.join(facts)}."

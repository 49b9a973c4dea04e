"""What a vault held at one moment: putting it back is faster than making its things anew."""

from __future__ import annotations

from pathlib import Path

from tests.databases import Copy, kept_at
from vault.runtime import Runtime


class Moment:
    """Databases and objects as they were when it was made. On SQLite nothing may be at work in the vault meanwhile."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._runtime = runtime
        urls = (runtime.settings.database_url, runtime.settings.keystore_url)
        self._kept = [kept for url in urls if (kept := kept_at(url))]
        for kept in self._kept:
            kept.keep()
        self._copies = []
        if not self._kept:
            runtime.close()
            self._copies = [Copy(url, folder) for url in urls]
        self._objects = {name: runtime.store.get(name) for name in runtime.store.names()}

    def put_back(self) -> None:
        """Databases and objects are what they were."""
        for kept in self._kept:
            kept.put_back()
        if self._copies:
            self._runtime.close()
        for copy in self._copies:
            copy.put_back()
        store = self._runtime.store
        for name in list(store.names()):
            store.delete(name)
        for name, content in self._objects.items():
            store.put(name, content)

"""`up` on the databases of this run: web, worker and beat do their work on them, and nothing is left elsewhere."""

from __future__ import annotations

import json
import time
import urllib.request

from tests.browser.running import running_vault
from tests.databases import bare_pair, is_postgresql


def test_a_vault_starts_works_and_stops(tmp_path):
    with bare_pair(tmp_path / "data") as pair, running_vault(tmp_path, **pair.environment) as vault:
        with urllib.request.urlopen(f"{vault.url}/readyz", timeout=5) as answer:
            assert answer.status == 200
        assert "/enrolment/" in vault.printed()
        end = time.monotonic() + 60
        while not (done := periodic_jobs_done(vault)) and time.monotonic() < end:
            time.sleep(1)
        assert "clock.keep_pace" in done
        found = json.loads(vault.command("check", "--json").stdout)
        assert not [each for each in found if each["state"] == "failed"]
        verified = vault.command("audit", "verify", "--json")
        assert (verified.returncode, json.loads(verified.stdout)["status"]) == (0, "ok")
        kept = {path.name for path in (tmp_path / "data").rglob("*.sqlite")}
        assert bool(kept) is not is_postgresql()


def periodic_jobs_done(vault) -> set[str]:
    """The jobs that a worker has done by itself."""
    listed = vault.command("jobs", "list", "--json")
    return {job["name"] for job in json.loads(listed.stdout) if job["state"] == "done"}

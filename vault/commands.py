"""Commands of those who keep the vault running: keys, log, jobs, fixity, restore, check."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select

from vault.errors import NotFound, VaultError
from vault.jobs import FAILED, QUEUED, Job, run_job
from vault.jobs import sweep as sweep_jobs

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def tell(rows: Any, as_json: bool) -> None:
    """Data on stdout: JSON, or one `name: value` line each."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    for row in rows if isinstance(rows, list) else [rows]:
        click.echo("  ".join(f"{name}: {value}" for name, value in row.items()))


@click.group()
def keys() -> None:
    """The keystore: numbers and times, never a key."""


@keys.command("status")
@JSON
@click.pass_obj
def keys_status(context: Any, as_json: bool) -> None:
    """Epoch, slots by kind, master key versions."""
    tell(context.runtime.keystore.status(), as_json)


@keys.command("rotate")
@click.option("--resume", is_flag=True, help="Begin no epoch: go on with a rotation that is not finished.")
@DRY_RUN
@JSON
@click.pass_obj
def keys_rotate(context: Any, resume: bool, dry_run: bool, as_json: bool) -> None:
    """Begin a new epoch and lock every live slot under it. Others go on working; killed, it is gone on with later."""
    from vault.rotation import begin_rotation, continue_rotation

    status = context.runtime.keystore.status()
    number = status["epoch"] + (not resume)
    slots = status["slots_waiting"] if resume else sum(status["slots"].values())
    if not dry_run:
        number = status["epoch"] if resume else begin_rotation(context.runtime)
        number = continue_rotation(context.runtime).number
    tell({"epoch": number, "slots": slots, **({"dry_run": True} if dry_run else {})}, as_json)


@keys.command("rewrap")
@click.option("--new-version", is_flag=True, help="Make a new version of the master key first.")
@click.option(
    "--destroy-old", is_flag=True, help="Destroy the versions that wrap nothing any more, for good."
)
@DRY_RUN
@JSON
@click.pass_obj
def keys_rewrap(context: Any, new_version: bool, destroy_old: bool, dry_run: bool, as_json: bool) -> None:
    """Wrap every epoch key with the newest version of the master key."""
    from vault.access.actor import SYSTEM

    keystore, runtime = context.runtime.keystore, context.runtime
    if dry_run:
        in_use = keystore.status()["master_versions_in_use"]
        tell(
            {"epochs": keystore.epochs.rewrap_count(new_version), "versions": in_use, "dry_run": True},
            as_json,
        )
        return
    if new_version:
        keystore.new_master()
    changed = keystore.rewrap()
    destroyed = keystore.epochs.destroy_unused_masters() if destroy_old else []
    if changed or destroyed:
        with runtime.transaction(SYSTEM) as tx:
            tx.record("keystore.rewrapped", epochs=changed, destroyed=destroyed)
    tell(
        {"epochs": changed, "destroyed": destroyed, "versions": keystore.status()["master_versions"]}, as_json
    )


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command("verify")
@JSON
@click.pass_obj
def audit_verify(context: Any, as_json: bool) -> None:
    """Recompute the whole log: exit 0 if it holds, 1 and the first bad entry if not, 2 if that cannot be decided."""
    from vault.audit.verification import verify_log

    with context.runtime.session() as session:
        verdict = verify_log(session)
    tell(asdict(verdict), as_json)
    sys.exit(verdict.exit_code)


@click.group()
def jobs() -> None:
    """Work that waits, runs or failed."""


@jobs.command("list")
@JSON
@click.pass_obj
def jobs_list(context: Any, as_json: bool) -> None:
    """The newest hundred jobs."""
    with context.runtime.session() as session:
        found = session.scalars(select(Job).order_by(Job.created_at.desc()).limit(100)).all()
        rows = [
            {
                "id": job.id,
                "name": job.name,
                "state": job.state,
                "attempts": job.attempts,
                "error": job.error_code,
            }
            for job in found
        ]
    tell(rows, as_json)


@jobs.command("retry")
@click.argument("job_id", type=click.UUID)
@DRY_RUN
@JSON
@click.pass_obj
def jobs_retry(context: Any, job_id: UUID, dry_run: bool, as_json: bool) -> None:
    """Queue a failed job again."""
    with context.runtime.session() as session:
        job = session.get(Job, job_id)
        if job is None or job.state != FAILED:
            raise NotFound("There is no failed job with this id.")
        if not dry_run:
            job.state, job.attempts, job.run_at, job.finished_at = (
                "queued",
                0,
                context.runtime.clock.now(),
                None,
            )
    tell({"id": job_id, "state": "queued"}, as_json)


@jobs.command("sweep")
@JSON
@click.pass_obj
def jobs_sweep(context: Any, as_json: bool) -> None:
    """Do all jobs that are due, here and now."""
    from vault.handlers import PERIODIC, import_handlers

    import_handlers()
    waiting = sweep_jobs(context.runtime, PERIODIC)
    done = sum(run_job(context.runtime, job_id) for job_id in waiting)
    tell({"due": len(waiting), "done": done}, as_json)
    sys.exit(0 if done == len(waiting) else 1)


@click.group()
def fixity() -> None:
    """Whether what was stored is still there, whole."""


@fixity.command("run")
@JSON
@click.pass_obj
def fixity_run(context: Any, as_json: bool) -> None:
    """Check every stored object now; exit 1 if one is missing or has another size."""
    from vault.access.actor import SYSTEM
    from vault.bundles.models import Version
    from vault.transfers.fixity import CHECK

    runtime = context.runtime
    with runtime.transaction(SYSTEM) as tx:
        tx.later(CHECK)
    waiting = select(Job.id).where(Job.name == CHECK, Job.state == QUEUED)
    while job_ids := _ids(runtime, waiting):
        done = [run_job(runtime, job_id) for job_id in job_ids]
        if not all(done):
            break
    failed = _ids(
        runtime, select(Version.id).where(Version.check_failed_at.is_not(None), Version.removed_at.is_(None))
    )
    tell({"failed": len(failed), "versions": [str(version_id) for version_id in failed]}, as_json)
    sys.exit(1 if failed else 0)


def _ids(runtime: Any, query: Any) -> list[UUID]:
    with runtime.session() as session:
        return list(session.scalars(query))


@click.command()
@DRY_RUN
@JSON
@click.pass_obj
def restore(context: Any, dry_run: bool, as_json: bool) -> None:
    """Replay the ledger of ended slots after databases were put back; suspends live links, ends all sessions."""
    from vault.assembly import open_for_restore, was_restored
    from vault.restoration import restore_vault

    runtime = open_for_restore(context.settings)
    if dry_run:
        tell({"restored": was_restored(runtime)}, as_json)
        return
    tell(asdict(restore_vault(runtime)), as_json)
    click.echo("The vault may open again. Restart it, and ask owners of links to look at them.", err=True)


@click.command()
@JSON
@click.pass_obj
def check(context: Any, as_json: bool) -> None:
    """Look at every part: exit 1 if one does not answer; warnings say what is risky."""
    from vault.diagnosis import diagnose

    try:
        findings = diagnose(context.runtime)
    except VaultError as error:
        findings = [{"part": "start", "state": "failed", "note": error.message}]
    tell(findings, as_json)
    sys.exit(0 if all(finding["state"] != "failed" for finding in findings) else 1)


@click.command()
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here instead of stdout."
)
@click.pass_obj
def openapi(context: Any, output: Path | None) -> None:
    """Print the OpenAPI document of the HTTP interface."""
    from vault.app import create_app
    from vault.web.openapi import build_document

    text = json.dumps(build_document(create_app(context.runtime)), indent=2)
    output.write_text(text + "\n", encoding="utf-8") if output else click.echo(text)


@click.command()
@click.pass_obj
def demo(context: Any) -> None:
    """Add the made-up office to a vault that is not in production."""
    from vault.demo.office import ensure_demo

    for line in ensure_demo(context.runtime):
        click.echo(line, err=True)

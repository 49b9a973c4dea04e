"""The administrator's page: what runs, what waits, what needs a decision. No case numbers, no content."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.backups import views as backups
from vault.clock import advance_mark, read_clock
from vault.diagnosis import diagnose
from vault.web.acting import reading, runtime, transaction
from vault.web.respond import respond
from vault.web.signin import signed_in

pages = Blueprint("system", __name__)
backups.register(pages)


class Finding(BaseModel):
    """One part of the vault and how it is."""

    part: str
    state: str
    note: str


class SystemPage(BaseModel):
    """All parts, and the clock."""

    findings: list[Finding]
    clock: str
    now: datetime
    mark: datetime | None


@pages.get("/system")
@signed_in
def show() -> ResponseReturnValue:
    with reading() as tx:
        tx.require(Permission.SYSTEM_SEE)
        clock = read_clock(tx.session, runtime().clock)
    findings = [Finding(**finding) for finding in diagnose(runtime())]
    page = SystemPage(findings=findings, clock=clock.state.value, now=clock.now, mark=clock.mark)
    return respond("system/system.html", page)


@pages.post("/system/clock")
@signed_in
def confirm_clock() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.CLOCK_CONFIRM)
        clock = read_clock(tx.session, runtime().clock)
        tx.record("clock.confirmed", None, mark=clock.mark, now=clock.now)
        advance_mark(tx.session, clock, confirmed=True)
    return respond("system/system.html", None, location=url_for("system.show", notice="clock-confirmed"))

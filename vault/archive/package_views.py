"""Packages over HTTP: how far one is and what is wrong, and its tar as it lies in the archive."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.archive.copies import archive_for
from vault.archive.fetching import fetch_package
from vault.archive.models import ArchivalPackage
from vault.archive.package_pages import PackagePage, package_page
from vault.stores import archives_of
from vault.web.acting import actor, runtime, transaction
from vault.web.lanes import in_lane
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in
from vault.web.streams import send_stored


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/packages/<uuid:package_id>")(package)
    bp.get("/packages/<uuid:package_id>/content")(content)


@documented(
    "A package: how far it is, its digests, where it lies, its receipt",
    returns=PackagePage,
    errors=["not-found"],
)
@signed_in
def package(package_id: UUID) -> ResponseReturnValue:
    """One."""
    with transaction() as tx:
        page = package_page(tx, tx.load(ArchivalPackage, package_id, Permission.PACKAGE_SEE))
    return respond("archive/package.html", page)


@documented(
    "A package as it lies in the archive: one tar, its contents encrypted",
    sends_bytes=True,
    errors=["forbidden", "not-found", "conflict"],
)
@in_lane
@signed_in
def content(package_id: UUID) -> ResponseReturnValue:
    """What is recorded is committed before the first byte leaves."""
    is_sent = request.method == "GET"
    with transaction() as tx:
        fetched = fetch_package(tx, package_id, is_sent)
    archive = archive_for(archives_of(runtime()), fetched.store)
    pieces = archive.read_version(*fetched.place, 0, fetched.size) if is_sent else None
    watch = fetched.watch(runtime(), actor())
    return send_stored(f"{fetched.name}.tar", fetched.size, pieces, watch)

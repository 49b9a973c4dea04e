"""A bundle over HTTP as one ZIP file. It has no ranges: what broke off is asked for again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from vault.errors import Fault, Invalid, Tampered
from vault.transfers.watch import ParcelWatch
from vault.transfers.zips import Parcel, Zip, find_parcel, open_for_download, record_download
from vault.web.acting import actor, reading, runtime, transaction
from vault.web.disposition import disposition
from vault.web.headers import as_user_content
from vault.web.lanes import in_lane
from vault.web.openapi import documented
from vault.web.signin import signed_in
from vault.web.streams import Stream

KINDS = ("document", "recording")
KIND = {"kind": {"type": "string", "enum": list(KINDS)}}
"""In the address: one kind of content alone."""


def register(bp: Blueprint) -> None:
    """Put the resource on `bp`."""
    bp.get("/bundles/<uuid:bundle_id>/content.zip")(bundle_zip)


@documented(
    "All documents and recordings of an open bundle as one ZIP file; `?kind=document` leaves recordings out",
    query=KIND,
    sends_bytes=True,
    errors=["bundle-locked", "conflict"],
)
@in_lane
@signed_in
def bundle_zip(bundle_id: UUID) -> ResponseReturnValue:
    """What is recorded is committed before the first byte leaves."""
    parcel, readings = _found(bundle_id, _asked_kind()), []
    if request.method == "GET":
        with transaction() as tx:
            readings = record_download(tx, parcel)
    return _answer(parcel, readings)


def _found(bundle_id: UUID, kind: str | None) -> Parcel:
    """Many files take a while to be looked at: nobody who writes waits for that."""
    with transaction() as tx:
        opened = open_for_download(tx, bundle_id)
    try:
        with reading() as tx:
            return find_parcel(tx, opened, kind)
    except Tampered:
        with transaction():  # which records what leaves it as an error
            raise


def _answer(parcel: Parcel, readings: list[UUID]) -> Response:
    packed = Zip(parcel, runtime().store)
    response = Response(mimetype="application/zip")
    response.headers["Accept-Ranges"] = "none"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = disposition("attachment", parcel.name)
    if readings:
        watch = ParcelWatch(runtime(), actor(), parcel, packed, readings)
        response.response = Stream(packed.pieces(), 0, watch.still_allowed, watch.served)
    response.headers["Content-Length"] = str(packed.length)
    return as_user_content(response)


def _asked_kind() -> str | None:
    """`?kind=`, one of two words; everything without it."""
    kind = request.args.get("kind")
    if kind is not None and kind not in KINDS:
        message = f"Give one of: {', '.join(KINDS)}."
        raise Invalid(message, errors=[Fault("/kind", message)])
    return kind

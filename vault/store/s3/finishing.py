"""From a partial to an object: a small one is put in one act, a larger one is copied together by the server.

Killed anywhere, it is done again to the same object: the partial is closed first and names the one multipart upload that
may complete it, and the object bears the partial's mark.
"""

from __future__ import annotations

from typing import Any

from vault.errors import Conflict, NotFound
from vault.store.s3.bucket import MARK, Bucket, Found, Lost, side_by_side, unavailable
from vault.store.s3.growth import Growth, part_key, parts_prefix, state_key
from vault.store.s3.state import Part

TRIES = 4
"""Others may finish it, too, or end its multipart upload."""


def finish_partial(bucket: Bucket, name: str, key: str, more: dict[str, Any]) -> Found:
    """The object stands, and nothing of the partial is left. Raises `Conflict` if another object has the name.

    Whoever finishes it at the same time finishes the same object. `more` is asked of the server for it, such as its
    retention. Raises `NotFound` without a partial.
    """
    for _ in range(TRIES):
        growth = Growth(bucket, name)
        try:
            found: Found | None = bucket.head(key) or _assembled(bucket, growth, key, more)
        except Lost:
            continue  # somebody finishes it, too, or wrote until now: what they made of it is read anew
        except NotFound:
            found = bucket.head(key)
        if found is None:
            continue
        if found.mark != growth.state.mark:
            raise Conflict("An object of that name exists.")
        bucket.remove_all([each["Key"] for each in bucket.listed(parts_prefix(bucket, name))])
        bucket.remove(state_key(bucket, name))
        return found
    raise unavailable("a partial is not finished")


def _assembled(bucket: Bucket, growth: Growth, key: str, more: dict[str, Any]) -> Found:
    """The object, made of the parts. Raises `NotFound` if it stands already, or if its multipart upload was ended."""
    if not growth.state.whole:
        if not growth.state.is_closed:
            growth.close()
        content = b"".join(growth.content_of(part) for part in growth.state.parts)
        return bucket.create(key, content, growth.state.mark, **more)
    if not growth.state.upload:
        _open_upload(bucket, growth, key, more)
    try:
        return _completed(bucket, growth, key)
    except NotFound:
        if bucket.head(key) is None:
            growth.close()
        raise


def _open_upload(bucket: Bucket, growth: Growth, key: str, more: dict[str, Any]) -> None:
    asked = {"Key": key, "Metadata": {MARK: growth.state.mark}, **bucket.service.algorithm, **more}
    upload = bucket.ask("create_multipart_upload", **asked)["UploadId"]
    try:
        growth.close(upload)
    except Lost:
        bucket.ask("abort_multipart_upload", Key=key, UploadId=upload)
        raise


def _completed(bucket: Bucket, growth: Growth, key: str) -> Found:
    upload = {"Key": key, "UploadId": growth.state.upload}

    def copy(numbered: tuple[int, Part]) -> dict[str, Any]:
        number, part = numbered
        source = {"Bucket": bucket.name, "Key": part_key(bucket, growth.name, part)}
        answer = bucket.ask("upload_part_copy", **upload, PartNumber=number, CopySource=source)
        return part_tags(number, answer["CopyPartResult"])

    parts = side_by_side(copy, enumerate(growth.state.whole, 1))
    if growth.state.rest:
        content = b"".join(growth.content_of(part) for part in growth.state.rest)
        asked = {**upload, **bucket.service.digests(content), "PartNumber": len(parts) + 1}
        parts.append(part_tags(len(parts) + 1, bucket.ask("upload_part", **asked, Body=content)))
    condition = {"IfNoneMatch": "*"} if bucket.is_conditional else {}
    try:
        answer = bucket.ask(
            "complete_multipart_upload", **upload, MultipartUpload={"Parts": parts}, **condition
        )
    except Lost:
        raise NotFound("There is no such upload any more.") from None
    version = answer.get("VersionId")
    return Found(
        growth.state.size, answer.get("ETag", ""), None if version == "null" else version, growth.state.mark
    )


def part_tags(number: int, answer: dict[str, Any]) -> dict[str, Any]:
    """By what the server knows the part again: its entity tag, and its checksum if it keeps one."""
    checksums = {
        name: tag for name, tag in answer.items() if name.startswith("Checksum") and name != "ChecksumType"
    }
    return {"PartNumber": number, "ETag": answer["ETag"], **checksums}

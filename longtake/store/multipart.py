"""Multipart upload: a large file to S3 with a few parts in memory, sent side by side."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from longtake.errors import StoreError
from longtake.store.keys import is_key
from longtake.store.s3client import patiently
from longtake.store.s3errors import status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

LARGEST_PUT = 64 * 1024 * 1024
"""Bytes of the largest object sent in one piece: fewer requests than in parts, and a broken one is soon sent again."""

PART = 8 * 1024 * 1024
"""Bytes of a part; S3 takes 5 MiB to 5 GiB."""

_IN_FLIGHT = 3
_MOST_PARTS = 10_000
ABANDONED_AFTER = timedelta(days=1)
_UPLOADED = ("media/", "films/")


def upload(s3: S3Client, bucket: str, name: str, path: Path, *, key: str, content_type: str) -> None:
    """Send a file part by part; a failed or cancelled upload leaves no object and no open upload.

    Only a killed process leaves an open upload (S3 bills its parts): the next upload to the same name ends those that
    are older than a day.

    Args:
        s3: the client.
        bucket: where to.
        name: the object's whole name in the bucket.
        path: a file larger than `LARGEST_PUT`.
        key: what errors call the object.
        content_type: of the object.

    Raises:
        StoreError: a part was not taken, or the file changed its size meanwhile.
        OSError: the file cannot be read.
    """
    place, size = (s3, bucket), path.stat().st_size
    step = max(PART, -(-size // _MOST_PARTS))
    # Some servers cannot list uploads: then none is ended.
    with contextlib.suppress(Exception):
        found = s3.list_multipart_uploads(Bucket=bucket, Prefix=name).get("Uploads", [])
        _end(s3, bucket, (each for each in found if each["Key"] == name and _is_old(each)))
    opened = patiently(
        lambda: s3.create_multipart_upload(Bucket=bucket, Key=name, ContentType=content_type),
        at=place, key=key, doing="written",
    )  # fmt: skip
    at: dict[str, Any] = {"Bucket": bucket, "Key": name, "UploadId": opened["UploadId"]}

    def send(start: int) -> CompletedPartTypeDef:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(step)
        if len(data) < min(step, size - start) or path.stat().st_size != size:
            raise StoreError(f"the file of {key} changed while it was sent", key=key)
        number = start // step + 1
        answer = patiently(
            lambda: s3.upload_part(**at, PartNumber=number, Body=data), at=place, key=key, doing="written"
        )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def complete() -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

        try:
            s3.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
        except ClientError as error:
            # An upload that is gone was completed by an attempt whose answer was lost: then the object is there.
            if status(error) != 404 or s3.head_object(Bucket=bucket, Key=name)["ContentLength"] != size:
                raise

    pool = ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="longtake-part")
    try:
        parts = list(pool.map(send, range(0, size, step)))
        patiently(complete, at=place, key=key, doing="written")
    except BaseException:
        # A part still on its way is waited for: one that came later would stay.
        pool.shutdown(cancel_futures=True)
        with contextlib.suppress(Exception):
            patiently(lambda: s3.abort_multipart_upload(**at), at=place, key=key, doing="ended")
        raise
    pool.shutdown(wait=False)


def abandoned(s3: S3Client, bucket: str, prefix: str, *, end: bool) -> int:
    """Count the uploads that are older than a day; `end` ends them, too.

    Uploads of others in the same bucket are left alone.

    Raises:
        StoreError: they cannot be listed or ended.
    """

    def listed() -> list[Any]:
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        return [each for page in pages for each in page.get("Uploads", []) if ours(each["Key"])]

    def ours(name: str) -> bool:
        key = name.removeprefix(prefix)
        return name.startswith(prefix) and key.startswith(_UPLOADED) and is_key(key)

    found = [each for each in patiently(listed, at=(s3, bucket), key=prefix or ".", doing="listed") if _is_old(each)]
    if end:
        patiently(lambda: _end(s3, bucket, found), at=(s3, bucket), key=prefix or ".", doing="deleted")
    return len(found)


def _end(s3: S3Client, bucket: str, found: Iterable[Any]) -> None:
    for each in found:
        s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])


def _is_old(upload: Any) -> bool:  # noqa: ANN401 - botocore's answer
    """Whether the process of an upload is gone."""
    return bool(datetime.now(UTC) - upload["Initiated"] > ABANDONED_AFTER)

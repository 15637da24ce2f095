"""Multipart upload: a large file to S3 with one part in memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from longtake.errors import StoreError
from longtake.store.s3client import patiently, status

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

__all__ = ["PART", "upload"]

PART = 8 * 1024 * 1024
"""Bytes of a part, and of the largest file sent in one piece; S3 takes 5 MiB to 5 GiB."""

_MOST_PARTS = 10_000
_ABANDONED = timedelta(days=1)


@dataclass(frozen=True)
class _Upload:
    bucket: str
    name: str
    id: str


def upload(s3: S3Client, bucket: str, name: str, path: Path, *, content_type: str) -> None:
    """Send a file part by part; whatever ends this early leaves no object and no open upload.

    Only a killed process leaves an open upload (S3 bills its parts): the next upload to the same name ends those that
    are older than a day.

    Args:
        s3: the client.
        bucket: where to.
        name: the object's whole name in the bucket.
        path: a file larger than one part.
        content_type: of the object.

    Raises:
        StoreError: a part was not taken, or the file changed its size meanwhile.
    """
    size = path.stat().st_size
    _end_abandoned(s3, bucket, name)
    opened = patiently(
        lambda: s3.create_multipart_upload(Bucket=bucket, Key=name, ContentType=content_type),
        key=name,
        doing="written",
    )
    place = _Upload(bucket, name, opened["UploadId"])
    try:
        parts = _send(s3, place, path, size)
        patiently(lambda: _complete(s3, place, parts, size), key=name, doing="written")
    except BaseException:
        with contextlib.suppress(Exception):
            s3.abort_multipart_upload(Bucket=bucket, Key=name, UploadId=place.id)
        raise


def _send(s3: S3Client, at: _Upload, path: Path, size: int) -> list[CompletedPartTypeDef]:
    step = max(PART, -(-size // _MOST_PARTS))
    parts: list[CompletedPartTypeDef] = []
    sent = 0
    with path.open("rb") as file:
        while data := file.read(step):
            number = len(parts) + 1

            def send(data: bytes = data, number: int = number) -> str:
                return s3.upload_part(Bucket=at.bucket, Key=at.name, UploadId=at.id, PartNumber=number, Body=data)[
                    "ETag"
                ]

            parts.append({"PartNumber": number, "ETag": patiently(send, key=at.name, doing="written")})
            sent += len(data)
    if sent != size:
        raise StoreError(
            f"the file of {at.name} had {size} bytes and gave {sent}: it changed while it was sent", key=at.name
        )
    return parts


def _complete(s3: S3Client, at: _Upload, parts: list[CompletedPartTypeDef], size: int) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

    try:
        s3.complete_multipart_upload(Bucket=at.bucket, Key=at.name, UploadId=at.id, MultipartUpload={"Parts": parts})
    except ClientError as error:
        # An upload that is gone was completed by an attempt whose answer was lost: then the object is there.
        if status(error) != 404 or s3.head_object(Bucket=at.bucket, Key=at.name)["ContentLength"] != size:
            raise


def _end_abandoned(s3: S3Client, bucket: str, name: str) -> None:
    # Housekeeping: some servers cannot list uploads, and then there is nothing to do.
    with contextlib.suppress(Exception):
        for found in s3.list_multipart_uploads(Bucket=bucket, Prefix=name).get("Uploads", []):
            if found["Key"] == name and datetime.now(UTC) - found["Initiated"] > _ABANDONED:
                s3.abort_multipart_upload(Bucket=bucket, Key=name, UploadId=found["UploadId"])

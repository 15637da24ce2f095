"""Deleting from S3 by the thousand, or one by one where a server cannot do that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.store.s3client import patiently
from longtake.store.s3errors import status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_s3 import S3Client

BATCH = 1000  # the most one request takes


def delete_objects(s3: S3Client, bucket: str, prefix: str, keys: Sequence[str]) -> None:
    """Delete what ``prefix`` and each key name; absent ones are fine.

    Raises:
        StoreError: one of them could not be deleted; those before it are gone.
    """
    batches = True
    for start in range(0, len(keys), BATCH):
        wanted = keys[start : start + BATCH]
        # A batch says only of each key that it failed: asked for alone, it is tried again and says why.
        left = _batch(s3, bucket, prefix, wanted) if batches else None
        batches = left is not None
        for key in wanted if left is None else left:
            _one(s3, bucket, prefix, key)


def _batch(s3: S3Client, bucket: str, prefix: str, keys: Sequence[str]) -> list[str] | None:
    """The keys that stayed, or None where the server takes no batches."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

    def delete() -> list[str] | None:
        names = [{"Key": prefix + key} for key in keys]
        try:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": names, "Quiet": True})  # type: ignore[typeddict-item]
        except ClientError as error:
            # Not offered, or offered with a checksum that boto3 no longer sends.
            if status(error) not in {400, 403, 404, 405, 411, 501}:
                raise
            return None
        failed = {each.get("Key") for each in answer.get("Errors", [])}
        return [key for key in keys if prefix + key in failed]

    return patiently(delete, at=(s3, bucket), key=keys[0], doing="deleted")


def _one(s3: S3Client, bucket: str, prefix: str, key: str) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

    def delete() -> None:
        try:
            s3.delete_object(Bucket=bucket, Key=prefix + key)
        except ClientError as error:
            # AWS says nothing of an absent key; some servers say 404. A missing bucket is another matter.
            if status(error) != 404 or error.response.get("Error", {}).get("Code") == "NoSuchBucket":
                raise

    patiently(delete, at=(s3, bucket), key=key, doing="deleted")

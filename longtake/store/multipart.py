"""Multipart upload: a large object to S3 with a few parts in memory, sent side by side."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from longtake.errors import StoreError
from longtake.store.s3client import patiently, status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

__all__ = ["LARGEST_PUT", "Multipart", "end_abandoned", "is_abandoned", "upload"]

LARGEST_PUT = 64 * 1024 * 1024
"""Bytes of the largest object sent in one piece: fewer requests than in parts, and a broken one is soon sent again."""

PART = 8 * 1024 * 1024
"""Bytes of a part; S3 takes 5 MiB to 5 GiB."""

_IN_FLIGHT = 3  # enough that receiving never waits for one part's answer, few enough to hold in memory
_MOST_PARTS = 10_000
_ABANDONED = timedelta(days=1)


class Multipart:
    """An upload under way; it becomes an object by `complete` and nothing by `abort`. For one thread at a time.

    Args:
        s3: the client.
        bucket: where to.
        name: the object's whole name in the bucket.
        key: what errors call it.
        content_type: of the object.

    Attributes:
        size: bytes taken so far.
    """

    def __init__(self, s3: S3Client, bucket: str, name: str, *, key: str, content_type: str) -> None:
        self.size = 0
        self._s3 = s3
        self._key = key
        opened = patiently(
            lambda: s3.create_multipart_upload(Bucket=bucket, Key=name, ContentType=content_type),
            at=(s3, bucket),
            key=key,
            doing="written",
        )
        self._at: dict[str, Any] = {"Bucket": bucket, "Key": name, "UploadId": opened["UploadId"]}
        self._stopped = threading.Event()
        self._threads = ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="longtake-part")
        self._sending: deque[Future[CompletedPartTypeDef]] = deque()
        self._parts: list[CompletedPartTypeDef] = []

    def send(self, data: bytes) -> None:
        """Take the next part, all but the last of 5 MiB at least; waits while as many as may be are on their way.

        Raises:
            StoreError: this or an earlier part was not taken.
        """
        while len(self._sending) >= _IN_FLIGHT:
            self._parts.append(self._sending.popleft().result())
        number = len(self._parts) + len(self._sending) + 1
        self._sending.append(self._threads.submit(self._send, number, data))
        self.size += len(data)

    def complete(self) -> None:
        """Make it an object.

        Raises:
            StoreError: a part was not taken, or the parts did not become an object.
        """
        while self._sending:
            self._parts.append(self._sending.popleft().result())
        patiently(self._complete, at=(self._s3, self._at["Bucket"]), key=self._key, doing="written")
        self._threads.shutdown(wait=False)

    def stop(self) -> None:
        """Begin no further part and repeat none; from any thread, ahead of `abort`."""
        self._stopped.set()

    def abort(self) -> None:
        """Leave nothing; raises nothing. A part still on its way is waited for: one that came later would stay."""
        self.stop()
        self._threads.shutdown(cancel_futures=True)
        with contextlib.suppress(Exception):
            patiently(
                lambda: self._s3.abort_multipart_upload(**self._at),
                at=(self._s3, self._at["Bucket"]),
                key=self._key,
                doing="ended",
            )

    def _send(self, number: int, data: bytes) -> CompletedPartTypeDef:
        def send() -> str:
            if self._stopped.is_set():
                raise StoreError(f"the upload of {self._key} was given up", key=self._key)
            return self._s3.upload_part(**self._at, PartNumber=number, Body=data)["ETag"]

        return {
            "PartNumber": number,
            "ETag": patiently(send, at=(self._s3, self._at["Bucket"]), key=self._key, doing="written"),
        }

    def _complete(self) -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

        try:
            self._s3.complete_multipart_upload(**self._at, MultipartUpload={"Parts": self._parts})
        except ClientError as error:
            # An upload that is gone was completed by an attempt whose answer was lost: then the object is there.
            place = {"Bucket": self._at["Bucket"], "Key": self._at["Key"]}
            if status(error) != 404 or self._s3.head_object(**place)["ContentLength"] != self.size:
                raise


def upload(s3: S3Client, bucket: str, name: str, path: Path, *, key: str, content_type: str) -> None:
    """Send a file part by part; whatever ends this early leaves no object and no open upload.

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
    """
    size = path.stat().st_size
    step = max(PART, -(-size // _MOST_PARTS))
    # Housekeeping: some servers cannot list uploads, and then there is nothing to do.
    with contextlib.suppress(Exception):
        found = s3.list_multipart_uploads(Bucket=bucket, Prefix=name).get("Uploads", [])
        end_abandoned(s3, bucket, (each for each in found if each["Key"] == name))
    parts = Multipart(s3, bucket, name, key=key, content_type=content_type)
    try:
        with path.open("rb") as file:
            while data := file.read(step):
                parts.send(data)
        _check_unchanged(key, size, parts.size)
        parts.complete()
    except BaseException:
        parts.abort()
        raise


def _check_unchanged(key: str, size: int, sent: int) -> None:
    if sent != size:
        raise StoreError(f"the file of {key} had {size} bytes and gave {sent}: it changed while it was sent", key=key)


def end_abandoned(s3: S3Client, bucket: str, found: Iterable[Any]) -> None:
    """End those of the uploads listed that are older than a day: whoever began them is dead."""
    for each in found:
        if is_abandoned(each["Initiated"]):
            s3.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])


def is_abandoned(since: datetime) -> bool:
    """Whether nobody can still be at work on what began then."""
    return datetime.now(UTC) - since > _ABANDONED

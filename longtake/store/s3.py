"""An S3 bucket, or a prefix in one, as a store."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from longtake.errors import StoreError
from longtake.store import multipart
from longtake.store.deleting import delete_objects
from longtake.store.files import replacing
from longtake.store.keys import check_deletable, check_key, check_prefix, is_key, join_url, public_base
from longtake.store.protocol import DAY, GET_LIMIT, ObjectInfo
from longtake.store.range_reader import ranged_file
from longtake.store.s3client import client, patiently
from longtake.store.s3download import Download, check_partial
from longtake.store.s3errors import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from mypy_boto3_s3 import S3Client

    from longtake.settings import S3Settings

Answer = TypeVar("Answer")

_MARK = "longtake-write"
PAGE = 1000
_WEEK = 7 * DAY
IN_MEMORY = 16 * 1024 * 1024


class S3Store:
    """A bucket of AWS or of a server that speaks S3, through boto3; connects on the first call.

    A conditional write carries a mark of its own in the object's metadata, so that "exists already" can be distinguished from
    "our own write, whose answer was lost" even between writers of equal bytes. `check_conditional` says whether the
    server honors ``If-None-Match`` at all.
    """

    def __init__(
        self, bucket: str, prefix: str, *, public_url: str | None = None, settings: S3Settings | None = None
    ) -> None:
        self._bucket = bucket
        self._settings = settings
        self._prefix = f"{prefix}/" if prefix else ""
        self._public = public_base(public_url) if public_url else None

    @property
    def uri(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put_if_absent(self, key: str, data: bytes, *, content_type: str = "application/json") -> bool:
        """See `Store.put_if_absent`. The same mark and bytes are sent again after a lost answer or a 409."""
        s3, name, mark = self._s3(), self._name(key), secrets.token_hex(16)

        def put() -> bool:
            from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

            try:
                s3.put_object(
                    Bucket=self._bucket,
                    Key=name,
                    Body=data,
                    ContentType=content_type,
                    IfNoneMatch="*",
                    Metadata={_MARK: mark},
                )
            except ClientError as error:
                if status(error) != 412:
                    raise
                return False
            return True

        failed = StoreError(f"{self.uri} answered that {key} exists, and it cannot be read", key=key)
        try:
            if self._patiently(put, key=key, doing="created"):
                return True
        except StoreError as error:
            failed = error  # perhaps the object was created all the same
        ours = self._ours(key, data, mark)
        if ours is None:
            raise failed
        return ours

    def _ours(self, key: str, data: bytes, mark: str) -> bool | None:
        """Whether the object there is this write's, or None when there is none."""
        found = self._read(key, limit=max(len(data), GET_LIMIT))
        if found is None:
            return None
        body, metadata = found
        # A server that drops metadata leaves the bytes to go by, which hold the writer's own id where it matters.
        return metadata[_MARK] == mark if _MARK in metadata else body == data

    @contextlib.contextmanager
    def spool(self) -> Iterator[Path]:
        """See `Store.spool`: a file of the system's temporary folder."""
        with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
            yield Path(folder) / "spool"

    def put_file(self, key: str, path: Path, *, content_type: str) -> None:
        """See `Store.put_file`. Up to 16 MiB are held in memory, more is read as it is sent."""
        s3, name = self._s3(), self._name(key)
        found = self.head(key)
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if found is not None and found.size == size:
                    return
                if size > multipart.LARGEST_PUT:
                    multipart.upload(s3, self._bucket, name, path, key=key, content_type=content_type)
                    return
                # botocore sends a file with `Expect: 100-continue` and waits a second where the server ignores that.
                body = file.read() if size <= IN_MEMORY else file

                def put() -> None:
                    file.seek(0)
                    s3.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType=content_type)

                self._patiently(put, key=key, doing="written")
        except OSError as error:
            raise StoreError(f"the file of {key} could not be read: {error.strerror}", key=key) from error

    def get(self, key: str, *, limit: int = GET_LIMIT) -> bytes | None:
        """See `Store.get`."""
        found = self._read(key, limit=limit)
        return None if found is None else found[0]

    def _read(self, key: str, *, limit: int) -> tuple[bytes, dict[str, str]] | None:
        def read() -> tuple[bytes, dict[str, str]] | None:
            answer = self._answer(key)
            if answer is None:
                return None
            with contextlib.closing(answer["Body"]) as body:
                if answer["ContentLength"] > limit:
                    raise StoreError(f"{key} is larger than the {limit} bytes expected of it", key=key)
                return body.read(), answer.get("Metadata", {})

        return self._patiently(read, key=key, doing="read")

    def _range(self, key: str, start: int, length: int, *, etag: str) -> bytes | None:
        def read() -> bytes | None:
            from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

            try:
                answer = self._answer(key, Range=f"bytes={start}-{start + length - 1}", IfMatch=etag)
            except ClientError as error:
                if status(error) != 416:
                    raise
                return b""
            if answer is None:
                return None
            with contextlib.closing(answer["Body"]) as body:
                check_partial(answer, key)
                if answer["ETag"] != etag:
                    raise StoreError(f"{key} was replaced while it was read", key=key)
                return bytes(body.read())

        return self._patiently(read, key=key, doing="read")

    def reader(self, key: str) -> BinaryIO:
        """See `Store.reader`. A request for each MiB that is read, or for more when more is read at once."""
        found = self._look(key)
        if found is None:
            raise StoreError(f"the store holds no object {key}", key=key)

        def fetch(start: int, length: int) -> bytes:
            data = self._range(key, start, length, etag=found["ETag"])
            if data is None:
                raise StoreError(f"{key} was deleted while it was read", key=key)
            return data

        return ranged_file(key, found["ContentLength"], fetch)

    def download(self, key: str, into: Path) -> None:
        """See `Store.download`. A broken stream is taken up where it broke, if the object is still the same."""
        self._s3()
        try:
            with replacing(into) as file:
                part = Download(key, file, self._answer)
                self._patiently(part.pull, key=key, doing="read")
        except OSError as error:
            raise StoreError(f"the copy of {key} could not be written: {error.strerror}", key=key) from error

    def head(self, key: str) -> ObjectInfo | None:
        """See `Store.head`."""
        found = self._look(key)
        if found is None:
            return None
        return ObjectInfo(key, found["ContentLength"], found.get("ContentType"), found["LastModified"])

    def _look(self, key: str) -> Any:  # noqa: ANN401 - botocore's answer
        s3, name = self._s3(), self._name(key)

        def look() -> Any:  # noqa: ANN401 - as above
            from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

            try:
                return s3.head_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if status(error) != 404:
                    raise
                return None

        return self._patiently(look, key=key, doing="looked at")

    def list(self, prefix: str, *, limit: int | None = None, after: str | None = None) -> Iterator[str]:
        """See `Store.list`. Pages of at most 1,000 keys; objects whose names are not keys are left out."""
        check_prefix(prefix)
        return (found.key for found in self._listed(prefix, check_prefix(after) if after else "", limit))

    def scan(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `Store.scan`. One request for 1,000 objects."""
        return self._listed(check_prefix(prefix), "", None)

    def _listed(self, prefix: str, after: str, limit: int | None) -> Iterator[ObjectInfo]:
        left = limit
        last = self._prefix + after if after else ""
        more = True
        while more and (left is None or left > 0):
            page, more = self._page(prefix, last, PAGE if left is None else min(left, PAGE))
            for found in page:
                if found["Key"] <= last:
                    # Directory buckets do this: a ledger read from one would be wrong, so it is not read at all.
                    raise StoreError(f"{self.uri} lists its keys out of order", key=prefix)
                last = found["Key"]
                key = last[len(self._prefix) :]
                if is_key(key):
                    yield ObjectInfo(key, found["Size"], None, found["LastModified"])
                    left = None if left is None else left - 1

    def _page(self, prefix: str, after: str, most: int) -> tuple[Sequence[Any], bool]:
        s3 = self._s3()
        where: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, "MaxKeys": most}
        if after:
            where["StartAfter"] = after
        answer = self._patiently(lambda: s3.list_objects_v2(**where), key=prefix or ".", doing="listed")
        page = answer.get("Contents", [])
        return page, bool(page) and answer.get("IsTruncated", False)

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`. One request for 1,000 keys, or one for each where the server takes no batches."""
        delete_objects(self._s3(), self._bucket, self._prefix, [check_deletable(key) for key in keys])

    def url_for_others(self, key: str, *, seconds: int = DAY) -> str | None:
        """See `Store.url_for_others`. Presigned URLs live seven days at most, less with session credentials."""
        name = self._name(key)
        if self._public:
            return join_url(self._public, key)
        if not 1 <= seconds <= _WEEK:
            raise StoreError(f"a presigned URL of {key} can live 1 to {_WEEK} seconds, not {seconds}", key=key)
        s3 = self._s3()
        place = {"Bucket": self._bucket, "Key": name}
        return self._patiently(
            lambda: s3.generate_presigned_url("get_object", Params=place, ExpiresIn=seconds), key=key, doing="signed"
        )

    def abandoned_uploads(self, *, end: bool = False) -> int:
        """Count the multipart uploads that killed processes left here more than a day ago; S3 bills their parts.

        Args:
            end: end them, too.

        Raises:
            StoreError: they cannot be listed or ended; not every server and not every account can.
        """
        return multipart.abandoned(self._s3(), self._bucket, self._prefix, end=end)

    def path(self, key: str) -> Path | None:
        """See `Store.path`: always None."""
        check_key(key)
        return None

    def _s3(self) -> S3Client:
        return client(self._bucket, self._settings)

    def _patiently(self, call: Callable[[], Answer], *, key: str, doing: str) -> Answer:
        return patiently(call, at=(self._s3(), self._bucket), key=key, doing=doing)

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    # Close its body with `contextlib.closing`: `with body` gives the bare connection, which does not notice missing bytes.
    def _answer(self, key: str, **how: Any) -> Any:  # noqa: ANN401 - botocore's answer
        """The answer to a GET, or None when there is no such object (a missing bucket is an error)."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 - loaded with the client

        try:
            return self._s3().get_object(Bucket=self._bucket, Key=self._name(key), **how)
        except ClientError as error:
            if status(error) != 404 or error.response.get("Error", {}).get("Code") == "NoSuchBucket":
                raise
            return None

"""The download of one object of S3 to a file, resumed where its stream broke."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from longtake.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO


class Download:
    """Copies one object; after a broken stream, `pull` goes on from the bytes that the file has.

    Args:
        key: the object's.
        file: where the bytes go.
        get: asks for an object or a range of it; gives None when there is none.
    """

    def __init__(self, key: str, file: BinaryIO, get: Callable[..., Any]) -> None:
        self._key, self._file, self._get = key, file, get
        self._etag: str | None = None
        self._size = 0

    def pull(self) -> None:
        """Copy the missing bytes.

        Raises:
            StoreError: there is no such object, or it is another one by now.
            BotoCoreError: the stream broke; call again.
        """
        key, done = self._key, self._file.tell()
        if self._etag is None:
            answer = self._get(key)
            if answer is None:
                raise StoreError(f"the store holds no object {key}", key=key)
            self._etag, self._size = answer["ETag"], answer["ContentLength"]
        elif done == self._size:
            return
        else:
            answer = self._get(key, Range=f"bytes={done}-", IfMatch=self._etag)
            if answer is None:
                raise StoreError(f"{key} was deleted while it was read", key=key)
            check_partial(answer, key)
        with contextlib.closing(answer["Body"]) as body:
            # Ends with botocore's IncompleteReadError when fewer bytes come than were promised.
            self._file.writelines(body.iter_chunks(1024 * 1024))


def check_partial(answer: Any, key: str) -> None:  # noqa: ANN401 - botocore's answer
    """Check that an answer is the range that was asked for.

    Raises:
        StoreError: it is the whole object.
    """
    if answer["ResponseMetadata"]["HTTPStatusCode"] != 206:
        raise StoreError(f"the store ignored the range asked of {key} and sent all of it", key=key)

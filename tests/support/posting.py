"""The paid POST as its tests send it: a body, the replies of a server, and what must hold for each error."""

from __future__ import annotations

import json
import pickle

import pytest

from longtake.errors import (
    DoubtfulAnswerError,
    NotSentError,
    RateLimitedError,
    RefusedError,
)

BODY = {"model": "seedance-2.5", "prompt": "Waves break on black rocks – dawn", "duration": 5}
ID = "task_018f5a3a1b6e7d9f8c2b4d6e8f0a2c4e"
ENVELOPE = {"id": ID, "model": "seedance-2.5", "status": "processing", "created_at": 1735000000, "output": None}
SIGNED = "https://bucket.example/in.png?X-Amz-Signature=deadbeef"


def replies(status, body=b"", **headers):
    async def handle(_, connection):
        await connection.body()
        await connection.answer(status, body if isinstance(body, bytes) else json.dumps(body).encode(), **headers)

    return handle


async def submit(provider, server):
    """Submit once; the error it ends in holds no secret and survives pickling."""
    with pytest.raises((DoubtfulAnswerError, RefusedError, RateLimitedError, NotSentError)) as caught:
        await provider.submit(BODY)
    assert server.posts == 1
    error = caught.value
    assert "sk-test" not in repr(error.__dict__)
    assert "Signature" not in repr(error.__dict__)
    assert error.__cause__ is None
    assert error.__context__ is None, "httpx errors hold the request, and the request holds the key"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy)) == (type(error), str(error))
    return error

"""A task as one poll shows it, and what its failure means."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longtake.errors import TaskFailedError
from longtake.provider.answers import Complaint, clean, whole
from longtake.provider.error_codes import CODES

if TYPE_CHECKING:
    from pydantic import SecretStr

log = logging.getLogger("longtake.provider")

LONGEST_URL = 4096
"""Characters of an output URL."""
MOST_URLS = 16
"""Output URLs looked at."""


@dataclass(frozen=True, slots=True)
class ProviderTask:
    """A task as one poll shows it (provider-contract.md §1).

    Attributes:
        id: the task id asked for.
        status: "processing", "completed", "failed", or a word this version does not know.
        video_urls: checked to be http(s) URLs in form only; they have a limited life.
        last_frame_url: the PNG of the last frame, None unless it was asked for.
        credits: whole credits charged, None when the provider did not say, which is normal.
        error_code: the provider's number, on a failed task.
        error_message: one clean line of at most 500 characters, on a failed task.
    """

    id: str
    status: str
    video_urls: tuple[str, ...] = field(default=(), repr=False)
    last_frame_url: str | None = field(default=None, repr=False)
    credits: int | None = None
    error_code: int | None = None
    error_message: str | None = None

    @property
    def terminal(self) -> bool:
        """Whether polling on can change anything. Completed without a video is not the end: its URL may follow."""
        return self.status == "failed" or (self.status == "completed" and bool(self.video_urls))


def parse(document: dict[str, Any], *, task_id: str, secret: SecretStr) -> ProviderTask:
    """Parse the answer to a poll and ignore junk in it. `task_id` is the polled id."""
    status = document.get("status")
    output = document.get("output")
    output = output if isinstance(output, dict) else {}
    urls = output.get("video_urls")
    urls = urls[:MOST_URLS] if isinstance(urls, list) else []
    frame = output.get("last_frame_url")
    complaint = Complaint.of(document, secret=secret)
    return ProviderTask(
        id=task_id,
        status=(clean(status, secret=secret, limit=32) if isinstance(status, str) else "") or "unknown",
        video_urls=tuple(url for url in urls if _is_url(url)),
        last_frame_url=frame if _is_url(frame) else None,
        credits=_credits(document.get("usage"), task_id),
        error_code=complaint.code,
        error_message=complaint.message,
    )


def failure(task: ProviderTask) -> TaskFailedError:
    """Build the error a failed task is; an unknown code is never worth another attempt by itself."""
    code = CODES.get(task.error_code) if task.error_code is not None else None
    number = "without a code" if task.error_code is None else f"with code {task.error_code}"
    said = f": {task.error_message}" if task.error_message else ""
    return TaskFailedError(
        f"task {task.id} failed {number}{said}",
        next_step=code.step if code else "",
        task_id=task.id,
        code=task.error_code,
        retryable=code.another if code else False,
    )


def _is_url(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) <= LONGEST_URL
        and value.isascii()
        and value.isprintable()
        and " " not in value
        and value.lower().startswith(("https://", "http://"))
    )


def _credits(usage: object, task_id: str) -> int | None:
    if not isinstance(usage, dict) or usage.get("credits") is None:
        return None
    amount = whole(usage["credits"])
    if amount is None or amount < 0:
        log.warning("task %s reports credits that are not an amount; ignored", task_id)
        return None
    return amount

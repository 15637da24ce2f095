"""Every error Longtake raises, in one tree below `LongtakeError`; `docs/reference/errors.md` lists them with their exit codes.

A `TerminalError` stays until something else changes; after a `TransientError` the same call may succeed later. A message says what
happened and where; ``next_step`` says what to do about it and ends the printed message. Attributes are plain values, so errors
survive pickling (Prefect does that), and none ever holds a key or a signed URL.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

__all__ = [
    "BudgetError",
    "CatalogError",
    "DoubtfulAnswerError",
    "FfmpegError",
    "FilmIncompleteError",
    "InDoubtError",
    "KeyRefusedError",
    "LedgerError",
    "LedgerGapError",
    "LongtakeError",
    "MediaError",
    "NoCreditsError",
    "NotSentError",
    "PlanChangedError",
    "PollTimeoutError",
    "PreflightError",
    "ProviderUnavailableError",
    "RateLimitedError",
    "RefusedError",
    "SceneError",
    "SetIncompleteError",
    "SettingsError",
    "StoreError",
    "StoryboardError",
    "TakeRefusedError",
    "TaskFailedError",
    "TaskIdNotRecordedError",
    "TerminalError",
    "TransientError",
    "TwoLedgersError",
    "UnknownModelError",
    "UnknownTaskError",
    "UrlRefusedError",
]


def _rebuild(cls: type[LongtakeError], attributes: dict[str, Any]) -> LongtakeError:
    error = cls.__new__(cls)
    Exception.__init__(error, attributes.get("message", ""))
    error.__dict__.update(attributes)
    return error


@dataclass(eq=False, repr=False)
class LongtakeError(Exception):
    """The root: catch this to catch everything Longtake raises on purpose.

    Subclasses declare their attributes as keyword-only fields, so that type checkers know which ones an error takes.

    Args:
        message: what happened, naming the place; one sentence without a full stop at the end.
        next_step: what a person does now; where it is empty, the default of the class.
    """

    exit_code = 1
    """The exit code of `longtake` when this ends a command (0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt)."""
    default_next_step: ClassVar[str] = "run again; if the problem persists, open an issue with the message above"

    message: str
    _: KW_ONLY
    next_step: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.message)
        self.next_step = self.next_step or self.default_next_step

    def __str__(self) -> str:
        return f"{self.message}. Next: {self.next_step}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), dict(self.__dict__))


class TerminalError(LongtakeError):
    """Asking again cannot help until something else changes."""


class TransientError(LongtakeError):
    """The same call may succeed later."""


@dataclass(eq=False, repr=False, kw_only=True)
class StoryboardError(TerminalError):
    """A storyboard that cannot be used. `problems` holds all of them, in file order."""

    exit_code = 2
    default_next_step = "fix the lines listed above, then run `longtake plan` again"
    problems: tuple[Any, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        return f"{self.message}{lines}\nNext: {self.next_step}"


class SettingsError(TerminalError):
    """A setting is missing or unusable."""

    exit_code = 2
    default_next_step = "correct the setting named above and run again"


class CatalogError(TerminalError):
    """A catalog file is unusable, or asks for a model, a resolution or a price it does not hold."""

    exit_code = 2
    default_next_step = "name a model of the catalog, or give your own catalog file in LONGTAKE_CATALOG"


@dataclass(eq=False, repr=False, kw_only=True)
class RefusedError(TerminalError):
    """The provider answered 4xx to a request: nothing was charged. 429 is `RateLimitedError`."""

    default_next_step = "correct what the provider names; nothing was charged"
    status: int = 0
    code: int | None = None
    request_id: str | None = None


class KeyRefusedError(RefusedError):
    """401 or 403: the key is missing, malformed, invalid or revoked (codes 10001-10005)."""

    exit_code = 2
    default_next_step = (
        "set LONGTAKE_API_KEY (or the ReapiCredentials block) to a valid key and run again; nothing was charged"
    )


class NoCreditsError(RefusedError):
    """402: the account holds too few credits for this request."""

    exit_code = 3
    default_next_step = "add credits to the account and run again: what is kept is not bought twice"


class UnknownModelError(RefusedError):
    """404 on submit: the provider does not offer this model (yet)."""

    default_next_step = "choose another model in the storyboard; no other is used silently and nothing was charged"


class UnknownTaskError(RefusedError):
    """404 on poll: the provider does not know this task id under this key."""

    default_next_step = "check that the key is the one the task was bought with"


@dataclass(eq=False, repr=False, kw_only=True)
class TaskFailedError(TerminalError):
    """A task ended `failed`: the provider refunds it by itself, once.

    `retryable` follows the codes of provider-contract.md §3: 80003 and 80007 yes, 80006 (content policy) no.
    """

    default_next_step = (
        "change the prompt or the inputs of this shot and run again; its refund counts when the balance shows it"
    )
    task_id: str
    code: int | None = None
    retryable: bool = False


@dataclass(eq=False, repr=False, kw_only=True)
class TakeRefusedError(TerminalError):
    """A user's own step refused a take: it was paid for and is kept, and the film does not use it.

    Steps raise it with a reason: `raise TakeRefusedError("a logo is seen")`.
    """

    default_next_step = "change the shot, or buy another take of it with `--retake`; the refused one stays in the store"
    reason: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class MediaError(TerminalError):
    """Bytes that are not what was asked for: not an MP4, not a PNG, another length, too large."""

    default_next_step = "check the file named; the next run fetches it again (fetching costs nothing)"
    status: int | None = None
    """The HTTP status, where a URL was refused."""
    expired: bool = False
    """Whether the URL expired or its file is gone."""


@dataclass(eq=False, repr=False, kw_only=True)
class UrlRefusedError(TerminalError):
    """A URL that must not be fetched or sent: not http(s), private, with a password in it, or loopback for a remote."""

    default_next_step = "give a public http(s) URL"
    status: int | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class FfmpegError(TerminalError):
    """ffmpeg is missing, too old, or ended with an error; `log` holds the end of what it said."""

    default_next_step = "run `longtake doctor`; LONGTAKE_FFMPEG, where it is set, names the ffmpeg to use"
    log: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class PreflightError(TerminalError):
    """Something that a run needs does not work here, found before anything was sent.

    `check` is the part of the preflight that failed: "media", "store" or "disk". `step` is what it was doing, and `cause` the name
    of the exception that stopped it ("" where there was none).
    """

    exit_code = 2
    default_next_step = "fix what is named above and run `longtake doctor`; nothing was sent and nothing was charged"
    check: str
    step: str = ""
    cause: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class BudgetError(TerminalError):
    """A budget would be passed, so nothing was sent. All amounts are whole credits."""

    exit_code = 3
    default_next_step = "raise the budget named, or shorten the film; what is kept is not bought twice"
    scope: str = ""
    budget: int = 0
    needed: int = 0
    available: int = 0
    refunds: int = 0
    """Above 0 where it fits as soon as the balance shows that many credits of refunds that the provider owes."""


@dataclass(eq=False, repr=False, kw_only=True)
class PlanChangedError(TerminalError):
    """What would be bought now is not what the plan of the given digest would buy. `digest` is that of the plan now."""

    exit_code = 3
    default_next_step = "plan again, look at the price, and run with the new digest; nothing was sent for it"
    digest: str = ""


@dataclass(eq=False, repr=False, kw_only=True)
class InDoubtError(TerminalError):
    """An attempt that may or may not have been charged: it is never repeated until that is settled."""

    exit_code = 4
    attempt: str
    label: str = ""
    """`scene/shot`."""
    credits: int = 0
    """The credits that are held for it."""

    def __post_init__(self) -> None:
        self.next_step = self.next_step or (
            f"run `longtake credits reconcile`, or look the attempt up in the provider's task list and run "
            f"`longtake credits resolve {self.attempt} --adopt TASK_ID | --not-charged | --write-off`"
        )
        super().__post_init__()


@dataclass(eq=False, repr=False, kw_only=True)
class TaskIdNotRecordedError(TerminalError):
    """The provider accepted and charged, but the ledger could not write the task id down: here it is."""

    exit_code = 4
    attempt: str
    task_id: str

    def __post_init__(self) -> None:
        found = f"--adopt {self.task_id} --why 'store was away'"
        self.next_step = f"when the store works again: `longtake credits resolve {self.attempt} {found}`"
        super().__post_init__()


@dataclass(eq=False, repr=False, kw_only=True)
class LedgerError(TerminalError):
    """The log holds something it should not, or an order to it does not fit the attempt's state."""

    default_next_step = "look at the entry named with `longtake credits --json`; nothing was written"
    key: str = ""


class LedgerGapError(LedgerError):
    """Entries are missing that were written, so what they said of money is unknown: nothing is bought."""

    exit_code = 4
    default_next_step = (
        "look with `longtake doctor --ledger`, and restore the objects from a backup, or mark them as lost with "
        "`longtake doctor --ledger --repair`; nothing is bought until then"
    )


@dataclass(eq=False, repr=False, kw_only=True)
class TwoLedgersError(LedgerError):
    """A key has several ledgers with open attempts, one for each name of the provider, or one was opened to be settled only.

    Nothing is bought.
    """

    exit_code = 4
    accounts: tuple[str, ...] = ()


@dataclass(eq=False, repr=False, kw_only=True)
class SceneError(TerminalError):
    """Runs that scenes were dispatched to did not make them. `scenes` has the reason for each."""

    default_next_step = (
        "look at the runs of these scenes in the Prefect UI and run again: only what is missing is bought"
    )
    scenes: tuple[str, ...] = ()


@dataclass(eq=False, repr=False, kw_only=True)
class FilmIncompleteError(TerminalError):
    """A run ended without every shot; everything paid for is kept. `exit_code` is the gravest of its reasons.

    `missing` holds the labels of the shots without a take, `would_cost` the credits to buy them, and `film` the film as it is
    (`longtake.Film`; None where only scenes were made).
    """

    missing: tuple[str, ...] = ()
    would_cost: int = 0
    film: Any = None
    default_next_step = "see the reasons above and run again: only what is missing is bought"


@dataclass(eq=False, repr=False, kw_only=True)
class SetIncompleteError(TerminalError):
    """A run of a film set ended without every film. `exit_code` is the gravest of its reasons.

    `result` says what became of each film (`longtake.SetResult`).
    """

    result: Any = None
    default_next_step = "see the results named above and run the set again: only what is missing is bought"


class NotSentError(TransientError):
    """The connection failed before a byte of the request left: nothing was charged."""

    default_next_step = "check the network and LONGTAKE_BASE_URL, then run again; nothing was charged"


@dataclass(eq=False, repr=False, kw_only=True)
class RateLimitedError(TransientError):
    """429: too many requests. `retry_after` is in seconds, None if the provider named no pause."""

    default_next_step = (
        "wait and run again, or lower LONGTAKE_SUBMITS_PER_SECOND or LONGTAKE_ACCOUNT_IN_FLIGHT; nothing was charged"
    )
    retry_after: float | None = None
    status: int = 429
    code: int | None = None
    request_id: str | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class DoubtfulAnswerError(TransientError):
    """A POST left and no readable acceptance came back. Code that catches this records it and never sends the request again."""

    default_next_step = "do not send it again: record it as in doubt and reconcile"
    reason: str


@dataclass(eq=False, repr=False, kw_only=True)
class ProviderUnavailableError(TransientError):
    """A GET (poll, balance, media) gave no usable answer. The known state of the task is unchanged."""

    default_next_step = "run again later: accepted tasks are polled, not bought again"
    retry_after: float | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class PollTimeoutError(TransientError):
    """A task was still processing when the longest wait was over. Its id is in the ledger; the next run polls on."""

    default_next_step = "run again later: the task is polled, not bought again"
    task_id: str


@dataclass(eq=False, repr=False, kw_only=True)
class StoreError(TransientError):
    """The store did not take or give an object. `key` names it; it is never a signed URL."""

    default_next_step = "check that the store can be reached and written to, then run again"
    exit_code: int = 1
    key: str = ""

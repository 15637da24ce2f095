"""Reading the media a request points at, as the provider does: HEAD, then GET, then a look at what came."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import httpx

from longtake import media
from longtake.emulator.refusal import INPUT_UNREADABLE, INVALID, RefusalAnswer
from longtake.errors import MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.catalog import Catalog, InputRule
    from longtake.catalog.model import ReferenceRule
    from longtake.emulator.validation import Wish
    from longtake.media.streams.facts import Probe

_LARGEST = 512 * 1024 * 1024
_TIMEOUT = 10.0
SourceKind = Literal["image", "video", "audio"]


class UnreadableError(Exception):
    """An input URL did not give a file. Stays inside the emulator."""


@dataclass(frozen=True)
class InputSource:
    """One input as it was at submit."""

    url: str
    sha256: str
    facts: Probe


@dataclass(frozen=True)
class InputSources:
    """All inputs of a request, in the order of `Wish.urls`."""

    all: tuple[InputSource, ...]

    @property
    def video_seconds(self) -> float:
        """Seconds of all reference clips together: what the with-video price counts."""
        return sum(source.facts.seconds for source in self.all if source.facts.kind == "video")

    @property
    def shape(self) -> tuple[int, int] | None:
        """Width and height of the picture that decides an adaptive size."""
        return next(((one.facts.width, one.facts.height) for one in self.all if one.facts.width > 0), None)


def client() -> httpx.AsyncClient:
    """The HTTP client for inputs: patient for seconds, follows a few redirects, keeps nothing."""
    return httpx.AsyncClient(
        timeout=_TIMEOUT, follow_redirects=True, max_redirects=3, headers={"User-Agent": "longtake-emulator"},
        trust_env=False,
    )  # fmt: skip


async def look(wish: Wish, catalog: Catalog, web: httpx.AsyncClient, folder: Path) -> InputSources:
    """Probe every input of a request at submit.

    Raises:
        Refusal: 400 with 30002 when a URL cannot be read, with 20002 when what it gives breaks a rule.
    """
    media_rules = wish.model.media
    kinds: list[tuple[SourceKind, InputRule, ReferenceRule]] = [
        ("image", catalog.inputs.image, media_rules.image)
    ] * len(wish.images)
    kinds += [("video", catalog.inputs.video, media_rules.video)] * len(wish.videos)
    kinds += [("audio", catalog.inputs.audio, media_rules.audio)] * len(wish.sounds)
    kinds += [("image", catalog.inputs.image, media_rules.image)] * (len(wish.urls) - len(kinds))
    found = []
    for number, (url, (kind, rule, reference)) in enumerate(zip(wish.urls, kinds, strict=True), start=1):
        name = f"{kind} input {number}"
        into = folder / f"probe-{number}"
        try:
            await _head(web, url, kind)
            digest = await fetch(web, url, into, limit=rule.bytes)
        except UnreadableError as error:
            raise RefusalAnswer(400, INPUT_UNREADABLE, f"{name} could not be read: {error}") from None
        try:
            facts = await asyncio.to_thread(media.inspect, into)
        except MediaError as error:
            raise RefusalAnswer(400, INVALID, f"{name} is not usable: {error.message}") from None
        finally:
            into.unlink(missing_ok=True)
        _hold_against(facts, kind, rule, reference, name)
        found.append(InputSource(url, digest, facts))
    sources = InputSources(tuple(found))
    for kind, reference in (("video", media_rules.video), ("audio", media_rules.audio)):
        together = sum(source.facts.seconds for source in found if source.facts.kind == kind)
        if reference.together is not None and together > reference.together:
            raise RefusalAnswer(
                400, INVALID, f"{kind} inputs have {together:.2f} s together; allowed: up to {reference.together:g}"
            )
    return sources


async def fetch(web: httpx.AsyncClient, url: str, into: Path, *, limit: int | None) -> str:
    """GET an input into a file and return its SHA-256.

    Raises:
        UnreadableError: no 200, a broken transfer, or more than `limit` bytes.
    """
    most, digest, size = limit or _LARGEST, hashlib.sha256(), 0
    try:
        async with asyncio.timeout(6 * _TIMEOUT), web.stream("GET", url) as answer:
            if answer.status_code != httpx.codes.OK:
                raise UnreadableError(f"GET answered {answer.status_code}")
            with into.open("wb") as file:
                async for chunk in answer.aiter_bytes():
                    size += len(chunk)
                    if size > most:
                        raise UnreadableError(f"it is larger than {most} bytes")
                    digest.update(chunk)
                    file.write(chunk)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise UnreadableError(f"GET failed ({type(error).__name__})") from None
    return digest.hexdigest()


async def _head(web: httpx.AsyncClient, url: str, kind: SourceKind) -> None:
    try:
        answer = await web.head(url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreadableError(f"HEAD failed ({type(error).__name__})") from None
    if answer.status_code != httpx.codes.OK:
        raise UnreadableError(f"HEAD answered {answer.status_code}")
    said = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not said.startswith(f"{kind}/"):
        raise UnreadableError(f"its content type is {said[:60] or 'not given'}, not {kind}")


def _hold_against(facts: Probe, kind: SourceKind, rule: InputRule, reference: ReferenceRule, name: str) -> None:
    if facts.kind != kind or facts.format not in rule.formats:
        raise RefusalAnswer(400, INVALID, f"{name} is {facts.format}; allowed: {', '.join(rule.formats)}")
    sides = (facts.width, facts.height)
    if rule.side is not None and not all(rule.side.min <= side <= rule.side.max for side in sides):
        allowed = f"{rule.side.min:g} to {rule.side.max:g}"
        raise RefusalAnswer(400, INVALID, f"{name} has {sides[0]}×{sides[1]} pixels; a side may have {allowed}")
    if reference.each is not None and not reference.each.min <= facts.seconds <= reference.each.max:
        allowed = f"{reference.each.min:g} to {reference.each.max:g}"
        raise RefusalAnswer(400, INVALID, f"{name} has {facts.seconds:.2f} s; allowed: {allowed}")

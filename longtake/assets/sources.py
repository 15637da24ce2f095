"""Inputs given as URLs: read once in a run, kept in the store, and held against the same rules as files."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import request
from longtake.assets import objects
from longtake.assets.hosting import UrlSource
from longtake.errors import MediaError, UrlRefusedError
from longtake.library import inputs
from longtake.storyboard import failure, places

if TYPE_CHECKING:
    from longtake.assets.assets import Assets
    from longtake.request import Input, Misfit, Resolved, ResolvedShot
    from longtake.storyboard import Problem

_LONGEST = 512 * 1024 * 1024
"""Bytes of an input for whose kind the catalog has no limit."""


async def read_inputs(assets: Assets, resolved: Resolved) -> None:
    """Read every input given as a URL, once, before anything is planned or bought, and look what it is.

    Raises:
        StoryboardError: some are not what the provider takes; it holds all of them.
        UrlRefusedError, MediaError, ProviderUnavailableError: one cannot be read; nothing was sent to the provider.
        StoreError: the store is away.
    """
    problems: list[Problem] = []
    for (place, _), shot in zip(places(resolved.loaded.board), resolved.shots, strict=True):
        served = await _served(assets, shot)
        problems.extend(
            resolved.loaded.problem(place, f"{given.name} {wrong.message}", wrong.allowed)
            for given, wrong in _misfits(assets, shot, served)
        )
    if problems:
        raise failure(resolved.loaded.name, tuple(problems))


async def read(assets: Assets, shot: ResolvedShot) -> dict[int, UrlSource]:
    """Read what the URL inputs of a shot serve, by their index in `shot.inputs`.

    Raises:
        MediaError: one is not what the provider takes, or not readable at all.
        UrlRefusedError, ProviderUnavailableError, StoreError: as `read_inputs`.
    """
    served = await _served(assets, shot)
    for given, wrong in _misfits(assets, shot, served):
        raise MediaError(
            f"{shot.label}: {given.name} {wrong.message}; allowed: {wrong.allowed}",
            next_step="give this shot another input and run again; nothing was sent",
        )
    return served


def _misfits(assets: Assets, shot: ResolvedShot, served: dict[int, UrlSource]) -> list[tuple[Input, Misfit]]:
    return request.misfits(shot, {index: source.facts for index, source in served.items()}, assets.catalog)


async def _served(assets: Assets, shot: ResolvedShot) -> dict[int, UrlSource]:
    known = assets.hosting.sources
    served = {}
    for index, given in enumerate(shot.inputs):
        if not isinstance(given.source, str):
            continue
        async with assets.hosting.locks[f"read {given.source}"]:
            if given.source not in known:
                try:
                    known[given.source] = await _fetched(assets, given)
                except (MediaError, UrlRefusedError) as error:
                    raise type(error)(
                        f"{shot.label}: {given.name} cannot be used: {error.message}", next_step=error.next_step
                    ) from None
        served[index] = known[given.source]
    return served


async def _fetched(assets: Assets, given: Input) -> UrlSource:
    from longtake import media  # noqa: PLC0415 - loads libav only when an input comes by URL

    limit = getattr(assets.catalog.inputs, request.kind_of(given)).bytes or _LONGEST
    with tempfile.TemporaryDirectory(prefix="longtake-") as folder:
        path = Path(folder) / "input"
        fetched = await assets.provider.fetch(str(given.source), path, limit=limit, kind="any")
        facts = await asyncio.to_thread(media.inspect, path)
        key = await objects.place(assets, path, digest=fetched.sha256, format=facts.format, name=given.name)
    await asyncio.to_thread(inputs.remember, assets.store, str(given.source), fetched.sha256)
    return UrlSource(fetched.sha256, key, facts)

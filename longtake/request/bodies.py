"""The JSON body of one request, with field names from the catalog (provider-contract.md §4)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from longtake.errors import UrlRefusedError
from longtake.request.fingerprints import input_digests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from longtake.catalog import Catalog
    from longtake.request.resolved import ResolvedShot


def body(
    shot: ResolvedShot, *, urls: Mapping[int, str], frame_url: str | None, end_url: str | None = None, catalog: Catalog
) -> dict[str, object]:
    """Build the body to send. Every field that decides the price is in it, defaults included.

    Args:
        shot: the resolved shot.
        urls: where the provider can read each input, by its index in `shot.inputs`; a URL input may be left out.
        frame_url: where it can read the last frame of the shot this one continues.
        end_url: where it can read the frame that this take is pinned to, if it is.
        catalog: for the model's field names.

    Raises:
        UrlRefusedError: a URL is not http(s); `data:` is refused by the provider everywhere.
        ValueError: a URL is missing, or a frame is given that nothing asks for.
    """
    places: list[str] = []
    for index, given in enumerate(shot.inputs):
        url = urls.get(index) or (given.source if isinstance(given.source, str) else None)
        if url is None:
            raise ValueError(f"shot {shot.label}: input {index} ({given.name}) has no URL")
        places.append(url)
    for url in (*places, *(url for url in (frame_url, end_url) if url is not None)):
        if not url.lower().startswith(("http://", "https://")):
            raise UrlRefusedError(f"shot {shot.label} names an input that is not an http(s) URL")
    return _body(shot, places, frame_url, end_url, catalog)


def frozen_body(
    shot: ResolvedShot,
    *,
    digests: Mapping[int, str] | None = None,
    frame: str | None,
    end: str | None = None,
    catalog: Catalog,
) -> dict[str, object]:
    """Build the same body with `sha256:<digest>` for each URL, to be stored, since URLs expire and may hold secrets.

    `digests`, `frame` and `end` are as for `fingerprint`.

    Raises:
        ValueError: a digest is missing, or a frame is given that nothing asks for.
    """
    places = [f"sha256:{digest}" for digest in input_digests(shot, digests)]
    first, last = (f"sha256:{digest}" if digest is not None else None for digest in (frame, end))
    return _body(shot, places, first, last, catalog)


def _body(
    shot: ResolvedShot, places: Sequence[str], frame: str | None, end: str | None, catalog: Catalog
) -> dict[str, object]:
    if (frame is None) != (shot.parent is None):
        raise ValueError(f"shot {shot.label} {'needs' if frame is None else 'has no use for'} a parent's frame")
    model = catalog.model(shot.model)
    names, item = model.fields, model.frame_item
    result: dict[str, object] = {"model": model.id}
    if shot.prompt.strip():
        result[names.prompt] = shot.prompt
    result[names.duration] = shot.duration
    result[names.size] = shot.sent_size
    result[names.resolution] = shot.resolution
    result[names.generate_audio] = shot.generate_audio
    result[names.last_frame] = shot.continued
    if shot.seed is not None and names.seed is not None:
        result[names.seed] = shot.seed
    if shot.web_search and names.web_search is not None:
        result[names.web_search] = [dict(tool) for tool in model.web_search]
    frames = [{item.url: frame, item.role: item.first_frame}] if frame is not None else []
    listed: dict[str, list[str]] = {}
    for given, place in zip(shot.inputs, places, strict=True):
        if given.role in ("first_frame", "last_frame"):
            frames.append({item.url: place, item.role: getattr(item, given.role)})
            continue
        name = getattr(names, given.role)
        if name is None:
            raise ValueError(f"shot {shot.label}: {model.id} takes no {given.role}")
        listed.setdefault(name, []).append(place)
    if end is not None:
        if shot.open_end is not None:
            raise ValueError(f"shot {shot.label} cannot be pinned to an end frame: {shot.open_end}")
        frames.append({item.url: end, item.role: item.last_frame})
    result.update(listed)
    if frames:
        result[names.frames] = frames
    result.update(dict(shot.extras))
    result.update(deepcopy(model.constant_fields))
    return result

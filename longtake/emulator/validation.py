"""What a submitted body must be, checked on the JSON as it came: nothing of our own client is trusted or used here.

Limits and field names are the catalog's (provider-contract.md §4). Raises `RefusalAnswer` with the provider's codes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from longtake.catalog import ADAPTIVE, Catalog, Model
from longtake.emulator.refusal import INVALID, MIXED_MODES, NOT_FOUND, RefusalAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

_URL_LENGTH = 4096
_SEEDS = range(-(2**63), 2**63)
_Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A valid request. `seconds` may be -1 where the model may choose; URLs are unread yet."""

    model: Model
    prompt: str
    seconds: int
    size: str
    resolution: str
    audio: bool
    last_frame: bool
    images: tuple[str, ...]
    videos: tuple[str, ...]
    sounds: tuple[str, ...]
    first_url: str | None
    last_url: str | None
    body: Mapping[str, Any]

    @property
    def urls(self) -> tuple[str, ...]:
        """Every input URL, in a fixed order."""
        pinned = tuple(url for url in (self.first_url, self.last_url) if url is not None)
        return self.images + self.videos + self.sounds + pinned


def read(raw: bytes) -> _Json:
    """Parse a body.

    Raises:
        Refusal: it is not one JSON object, or names a field twice.
    """
    try:
        body = json.loads(raw, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusalAnswer(400, INVALID, f"the request body is not valid JSON: {str(error)[:120]}") from None
    if not isinstance(body, dict):
        raise RefusalAnswer(400, INVALID, "the request body must be a JSON object")
    return body


def prompt_of(raw: bytes) -> str | None:
    """The prompt of a body that may be anything, for faults that match on it."""
    try:
        prompt = read(raw).get("prompt")
    except RefusalAnswer:
        return None
    return prompt if isinstance(prompt, str) else None


def check(body: _Json, catalog: Catalog) -> Wish:
    """Hold a body against the catalog.

    Raises:
        Refusal: 404 for an unknown model, otherwise 400 with 20002, or 20003 where frames and references are mixed.
    """
    model = _model(body, catalog)
    names = model.fields
    ours = {name for name in names.model_dump().values() if name is not None}
    known = {"model", *ours, *model.constant_fields, *model.other_fields}
    for field in body:
        if field not in known:
            _refuse(f"unknown field {field[:60]!r}; {model.id} takes {', '.join(sorted(known))}")
    for field in model.other_fields:
        if not isinstance(body.get(field, ""), str | bool | int):
            _refuse(f"{field} must be a single value")
    for field, example in model.constant_fields.items():
        if field in body and not _alike(body[field], example):
            _refuse(f"{field} must be like {json.dumps(example)}")
    images, videos, sounds = (_urls(body, name, limit.count) for name, limit in (
        (names.image, model.media.image), (names.video, model.media.video), (names.audio, model.media.audio),
    ))  # fmt: skip
    pinned = _pinned(body, model)
    if pinned and (images or videos or sounds) and model.media.frames_exclude_references:
        raise RefusalAnswer(
            400, MIXED_MODES, f"{names.frames} cannot be combined with reference images, videos or audio"
        )
    if model.media.audio.needs_picture and sounds and not (images or videos):
        _refuse(f"{names.audio} needs an image or a video with it")
    prompt = _prompt(body, model, with_media=bool(images or videos or sounds or pinned))
    size = _choice(body, names.size, model.size.values, model.size.default)
    if pinned and model.sent_size(size, framed=True) != size:
        _refuse(f"{names.size} must be {ADAPTIVE} when {names.frames} is given: the frame decides")
    _tools(body, model)
    if names.seed is not None and names.seed in body:
        seed = body[names.seed]
        if not _is_integer(seed) or seed not in _SEEDS:
            _refuse(f"{names.seed} must be an integer")
    return Wish(
        model=model,
        prompt=prompt,
        seconds=_seconds(body, model),
        size=size,
        resolution=_choice(body, names.resolution, model.resolution.values, model.resolution.default),
        audio=_flag(body, names.generate_audio, default=model.generate_audio),
        last_frame=_flag(body, names.last_frame, default=False),
        images=images,
        videos=videos,
        sounds=sounds,
        first_url=pinned.get(model.frame_item.first_frame),
        last_url=pinned.get(model.frame_item.last_frame),
        body=body,
    )


def _refuse(message: str) -> NoReturn:
    raise RefusalAnswer(400, INVALID, message)


def _once(pairs: list[tuple[str, Any]]) -> _Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is named twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _alike(value: object, example: object) -> bool:
    """Whether a value has the JSON type of the example; an object may leave keys out but has no others."""
    if isinstance(value, dict) and isinstance(example, dict):
        return all(key in example and _alike(inner, example[key]) for key, inner in value.items())
    return type(value) is type(example)


def _model(body: _Json, catalog: Catalog) -> Model:
    asked = body.get("model")
    if not isinstance(asked, str) or not asked:
        _refuse("model is required and must be a string")
    if asked not in catalog.models:
        raise RefusalAnswer(404, NOT_FOUND, f"model not found: {asked[:80]}")
    return catalog.models[asked]


def _prompt(body: _Json, model: Model, *, with_media: bool) -> str:
    name, rule = model.fields.prompt, model.prompt
    prompt = body.get(name, "")
    if not isinstance(prompt, str):
        _refuse(f"{name} must be a string")
    if not prompt.strip():
        if rule.optional_with_media and with_media:
            return ""
        _refuse(f"{name} is required")
    if not rule.min <= len(prompt) <= rule.max:
        _refuse(f"{name} has {len(prompt)} characters; allowed: {rule.min} to {rule.max}")
    return prompt


def _seconds(body: _Json, model: Model) -> int:
    name = model.fields.duration
    seconds = body.get(name, model.duration.default)
    if not _is_integer(seconds) or not model.duration.allows(seconds):
        _refuse(f"{name} must be an integer, {model.duration.allowed}")
    return int(seconds)


def _choice(body: _Json, name: str, values: tuple[str, ...], default: str) -> str:
    chosen = body.get(name, default)
    if not isinstance(chosen, str) or chosen not in values:
        _refuse(f"{name} must be one of {', '.join(values)}")
    return chosen


def _flag(body: _Json, name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        _refuse(f"{name} must be true or false")
    return value


def _tools(body: _Json, model: Model) -> None:
    name = model.fields.web_search
    if name is None or name not in body:
        return
    tools = body[name]
    if not isinstance(tools, list) or any(tool not in model.web_search for tool in tools) or len(tools) > 1:
        _refuse(f"{name} must be a list of objects such as {json.dumps(model.web_search)}")


def _urls(body: _Json, name: str | None, most: int) -> tuple[str, ...]:
    if name is None or name not in body:
        return ()
    urls = body[name]
    if not isinstance(urls, list):
        _refuse(f"{name} must be a list of URLs")
    if len(urls) > most:
        _refuse(f"{name} has {len(urls)} items; allowed: up to {most}")
    return tuple(_url(url, name) for url in urls)


def _pinned(body: _Json, model: Model) -> dict[str, str]:
    """Role to URL of `image_with_roles`."""
    name, item = model.fields.frames, model.frame_item
    given = body.get(name, [])
    if not isinstance(given, list):
        _refuse(f"{name} must be a list of objects with {item.url} and {item.role}")
    found: dict[str, str] = {}
    for entry in given:
        if not isinstance(entry, dict) or set(entry) != {item.url, item.role}:
            _refuse(f"each item of {name} has exactly {item.url} and {item.role}")
        role = entry[item.role]
        if role not in (item.first_frame, item.last_frame) or role in found:
            _refuse(f"{item.role} must be {item.first_frame} or {item.last_frame}, each at most once")
        found[role] = _url(entry[item.url], name)
    if model.media.last_frame_needs_first and item.last_frame in found and item.first_frame not in found:
        _refuse(f"{item.last_frame} needs {item.first_frame}")
    return found


def _url(url: object, name: str) -> str:
    if not isinstance(url, str):
        _refuse(f"{name} must hold URLs as strings")
    if url[:5].lower() == "data:":
        _refuse(f"{name}: data: URIs are not accepted; give a public http(s) URL")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or len(url) > _URL_LENGTH or not url.isprintable() or " " in url:
        _refuse(f"{name} must hold public http(s) URLs")
    return url

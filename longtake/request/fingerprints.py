"""The digest of everything that decides a take: the same digest means the same clip, and nothing is bought again.

What only names or carries things stays out: ids, titles, paths, URLs, the order of keys, prices, whether the last frame is
asked for (it comes with a clip and does not change it), and the catalog's `constant_fields` (they do not change the picture,
and a new one must not buy films again).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.request.resolved import ResolvedShot


def fingerprint(
    shot: ResolvedShot,
    *,
    take: int,
    realm: str,
    digests: Mapping[int, str] | None = None,
    frame: str | None,
    end: str | None = None,
) -> str:
    """SHA-256 (hex) of one take of a shot.

    Args:
        shot: the resolved shot.
        take: its number, from 1.
        realm: "provider" or "loopback": an emulator's clips never count as the provider's.
        digests: SHA-256 of what each URL input serves, by its index in `shot.inputs`.
        frame: SHA-256 of the last frame of the shot it continues; None exactly when it continues none.
        end: SHA-256 of the frame its end is pinned to, so that the kept shot after it can stay; None if its end is free.

    Raises:
        ValueError: a digest or the frame is missing, or a frame is given that nothing asks for.
    """
    if (frame is None) != (shot.parent is None):
        raise ValueError(f"shot {shot.label} {'needs' if frame is None else 'has no use for'} a parent's frame")
    decides = {**_decides(shot, realm=realm, digests=digests), "kind": "longtake-take/1", "take": take, "frame": frame}
    return _digest(decides if end is None else {**decides, "end": end})


def description(shot: ResolvedShot, *, realm: str, digests: Mapping[int, str] | None = None) -> str:
    """SHA-256 (hex) of what all takes of a shot have in common, whatever frames they start from or are pinned to.

    Raises:
        ValueError: a digest is missing.
    """
    frame = "any" if shot.parent is not None else None
    return _digest({**_decides(shot, realm=realm, digests=digests), "kind": "longtake-description/2", "frame": frame})


def input_digests(shot: ResolvedShot, digests: Mapping[int, str] | None) -> list[str]:
    """The SHA-256 of each input: the file's own, or for a URL the one given.

    Raises:
        ValueError: one is unknown, or is not a SHA-256.
    """
    found = []
    for index, given in enumerate(shot.inputs):
        digest = given.sha256 or (digests or {}).get(index)
        if digest is None or len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"shot {shot.label}: input {index} ({given.name}) needs its SHA-256")
        found.append(digest)
    return found


def _decides(shot: ResolvedShot, *, realm: str, digests: Mapping[int, str] | None) -> dict[str, object]:
    return {
        "realm": realm,
        "model": shot.model,
        "prompt": shot.prompt,
        "duration": shot.duration,
        "size": shot.sent_size,
        "resolution": shot.resolution,
        "seed": shot.seed,
        "generate_audio": shot.generate_audio,
        "web_search": shot.web_search,
        "extras": dict(shot.extras),
        "inputs": [
            [given.role, digest] for given, digest in zip(shot.inputs, input_digests(shot, digests), strict=True)
        ],
    }


def _digest(decides: dict[str, object]) -> str:
    text = json.dumps(decides, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()

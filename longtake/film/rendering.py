"""A timeline becomes files: its clips are fetched from the store and joined."""

from __future__ import annotations

import itertools
import logging
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import library, media
from longtake import store as stores
from longtake.errors import StoreError
from longtake.film.film_objects import sha256_of
from longtake.manifest import Software
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from longtake.request import Resolved
    from longtake.store import Store
    from longtake.timeline import Timeline

_log = logging.getLogger("longtake.film")

_FETCHERS = 8
_FETCHED = 0.3
"""The share of the work that fetching is taken for where the store is elsewhere."""


@dataclass(frozen=True, slots=True)
class RenderedFilm:
    """What came of a join: `film.mp4`, `poster.jpg` and perhaps `film.vtt` and `hls/` in `folder`.

    `matches` has an entry for each clip: the seam in front of it where the timeline asks for its colors to be matched.
    """

    folder: Path
    matches: tuple[media.SeamMatch | None, ...]
    result: media.JoinResult
    sha256: str
    bytes: int


def render(
    timeline: Timeline,
    store: Store,
    folder: Path,
    *,
    check: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> RenderedFilm:
    """Join a timeline from the store alone.

    Args:
        timeline: what to join.
        store: where clips and music are.
        folder: where to; it must be empty.
        check: read files of a local store and compare them with their digests. Those of another are compared as they come.
        on_progress: called with 0 to 1.

    Raises:
        StoreError: the store is away, or a clip is not there or not what its name says.
        MediaError, FfmpegError: it cannot be joined.
    """
    wanted = {cut.clip: cut.sha256 for cut in timeline.cuts}
    if timeline.sound.music is not None and timeline.sound.music_sha256 is not None:
        wanted[timeline.sound.music] = timeline.sound.music_sha256
    share = 0.0 if not wanted or store.path(next(iter(wanted))) is not None else _FETCHED

    def tell(done: float) -> None:
        if on_progress is not None:
            on_progress(done)

    clips = folder / "clips"
    clips.mkdir()
    paths = _fetched(store, wanted, clips, check=check, tell=lambda part: tell(share * part))
    film, captions = folder / "film.mp4", any(cut.caption for cut in timeline.cuts)
    matches = _matches(timeline, paths)
    result = media.join(
        _clips(timeline, paths, _tails(timeline, store, clips), matches),
        film,
        sound=_sound(timeline, paths[timeline.sound.music] if timeline.sound.music is not None else None),
        title=timeline.title,
        comment=f"Longtake film {timeline.digest}",
        webvtt=folder / "film.vtt" if captions else None,
        notice=timeline.notice,
        on_progress=lambda part: tell(share + (1 - share) * part),
    )
    media.poster(film, folder / "poster.jpg", at=result.seconds / 3)
    if timeline.hls:
        media.hls(film, folder / "hls", captions=folder / "film.vtt" if captions else None)
    return RenderedFilm(folder, matches, result, sha256_of(film), film.stat().st_size)


def plan_render(timeline: Timeline, store: Store) -> media.JoinPlan:
    """What `render` would copy and encode of a timeline, and why; clips that are elsewhere are fetched for it.

    Raises:
        StoreError: the store is away, or a clip is not there or not what its name says.
        MediaError: a clip is broken, or a transition does not fit.
    """
    with stores.temporary_folder("plan") as name:
        wanted = {cut.clip: cut.sha256 for cut in timeline.cuts}
        paths = _fetched(store, wanted, name, check=False, tell=lambda _share: None)
        # Music is put into the store by the first join and decides nothing here but that there is some.
        music = timeline.sound.music
        joined = _clips(timeline, paths, {}, _matches(timeline, paths))
        mixed = _sound(timeline, Path(music) if music is not None else None)
        return media.plan_join(joined, sound=mixed, notice=timeline.notice)


def check_tools(resolved: Resolved) -> None:
    """See that ffmpeg has the encoders and filters this film needs, and fonts, before anything is bought for it.

    Raises:
        FfmpegError: there is none, or it lacks something the film needs.
        PreflightError: no font has the characters of a text that is drawn into the picture.
    """
    from longtake.media import ffmpeg  # noqa: PLC0415 - only where something is joined
    from longtake.media.concat import drawing  # noqa: PLC0415 - as above

    sound = resolved.loaded.board.sound
    filters = ["ebur128", "aresample"] if sound is not None else []
    filters += ["sidechaincompress"] if resolved.music is not None else []
    captions = [shot.caption for shot in resolved.shots if shot.caption is not None]
    ffmpeg.require(encoders=["mov_text"] if captions else [], filters=filters)
    board = resolved.loaded.board
    drawn = captions if any(one.burn for one in board.deliverables) else []
    drawn += [board.notice.text] if board.notice is not None else []
    if drawn:
        drawing.check(drawn)


def software() -> Software:
    """What joins films in this process."""
    from longtake.media import ffmpeg  # noqa: PLC0415 - only where something is joined

    return Software(
        longtake=VERSION,
        python=platform.python_version(),
        av=metadata.version("av"),
        ffmpeg=ffmpeg.version(),
        # The core knows no engine; whether one is at work can be seen.
        prefect=metadata.version("prefect") if "prefect" in sys.modules else None,
    )


def _fetched(
    store: Store, wanted: dict[str, str], folder: Path, *, check: bool, tell: Callable[[float], None]
) -> dict[str, Path]:
    """Fetch each object once, as a file, several at once."""

    def fetch(key: str) -> Path:
        path = stores.fetch(store, key, folder)
        if check and sha256_of(path) != wanted[key]:
            raise StoreError(
                f"{key} is not what the film was joined from: its bytes have another digest",
                next_step="restore it from a backup; if it is gone for good, `longtake run --retake SHOT` buys a new take",
                key=key,
            )
        return path

    keys: Sequence[str] = list(wanted)
    paths = {}
    with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="longtake-fetch") as pool:
        try:
            for number, (key, path) in enumerate(zip(keys, pool.map(fetch, keys), strict=True), 1):
                paths[key] = path
                tell(number / len(keys))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return paths


def _tails(timeline: Timeline, store: Store, folder: Path) -> dict[str, Path]:
    """The stored tails of the clips whose last frame is not shown, by digest; clips of older releases have none."""

    def fetch(digest: str) -> Path | None:
        key = library.tail_key(digest)
        path = folder / f"{digest}.tail"
        try:
            own = store.path(key)
            if own is not None:
                return own if own.is_file() else None
            data = store.get(key)
            return path if data is not None and path.write_bytes(data) else None
        except (StoreError, OSError) as error:  # its frames are encoded then
            _log.warning("%s cannot be read: %s", key, error)
            return None

    pairs = itertools.pairwise(timeline.cuts)
    wanted = sorted({cut.sha256 for cut, after in pairs if after.continues and after.transition is None})
    with ThreadPoolExecutor(_FETCHERS, thread_name_prefix="longtake-fetch") as pool:
        return {digest: path for digest, path in zip(wanted, pool.map(fetch, wanted), strict=True) if path is not None}


def _matches(timeline: Timeline, paths: dict[str, Path]) -> tuple[media.SeamMatch | None, ...]:
    """The seams before clips whose colors are matched. A clip without a shared frame has nothing to be matched to."""
    found: list[media.SeamMatch | None] = [None] * len(timeline.cuts)
    for number, cut in enumerate(timeline.cuts):
        if number and cut.continues and (cut.match or cut.correction is not None):
            found[number] = media.match_seam(paths[timeline.cuts[number - 1].clip], paths[cut.clip])
    return tuple(found)


def _clips(
    timeline: Timeline, paths: dict[str, Path], tails: Mapping[str, Path], matches: Sequence[media.SeamMatch | None]
) -> list[media.JoinClip]:
    return [
        media.JoinClip(
            paths[cut.clip],
            cut.label,
            transition=cut.transition,
            continues=cut.continues,
            caption=cut.caption,
            correction=match.correction if match is not None else None,
            tail=tails.get(cut.sha256),
            trim=cut.trim,
        )
        for cut, match in zip(timeline.cuts, matches, strict=True)
    ]


def _sound(timeline: Timeline, music: Path | None) -> media.JoinSound:
    said = timeline.sound
    return media.JoinSound(
        loudness=said.loudness,
        peak=said.peak,
        music=music,
        music_gain=said.music_gain,
        duck=said.duck,
        fade_out=said.fade_out,
    )

"""Joining: the takes a run uses become one film, or the film that was joined from the same is found."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake import store as stores
from longtake import timeline as timelines
from longtake.errors import MediaError
from longtake.film import film_objects
from longtake.film.delivering import wanted_of
from longtake.film.measuring import drifts, seams
from longtake.film.rendering import render, software
from longtake.manifest import FilmCredits, FilmShot, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from longtake.film.film_objects import JoinedFilm
    from longtake.film.rendering import RenderedFilm
    from longtake.ledger import Closed, LedgerState
    from longtake.library import Take
    from longtake.manifest import Seam
    from longtake.media import Chapter
    from longtake.report import ShotOutcome
    from longtake.request import Resolved
    from longtake.store import Store
    from longtake.timeline import Timeline

_MUSIC = {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4", "aac": "audio/aac"}
"""How music is served, by the ending of its key."""


def join(
    resolved: Resolved,
    outcomes: Sequence[ShotOutcome],
    *,
    store: Store,
    film: str,
    state: LedgerState,
    closed: Iterable[Closed] | None = None,
    run: str | None = None,
    labels: Mapping[str, str] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> JoinedFilm:
    """Join the used takes in film order, or find the film that was joined from the same before.

    Args:
        resolved: the storyboard worked out.
        outcomes: one for each shot, each with its take.
        store: where the clips are and the film goes.
        film: the film's slug.
        state: the ledger now, for the manifest's credits.
        closed: closed attempts, for what was refunded; read only where the film is joined.
        run: an id of this run.
        labels: of the film, for the manifest.
        on_progress: called with 0 to 1.

    Raises:
        MediaError, FfmpegError: a clip or the music cannot be joined; everything paid for stays kept.
        StoreError: the store is away.
    """
    takes = [outcome.take for outcome in outcomes if outcome.take is not None]
    timeline = timelines.of(resolved, takes)
    folder = film_objects.folder_of(film, timeline.digest)
    known = film_objects.find(store, folder)
    if known is not None:
        return known
    with stores.temporary_folder("film") as work:
        _keep_music(store, resolved, timeline)
        made = render(timeline, store, work, on_progress=on_progress)
        manifest = Manifest(
            title=timeline.title,
            film=film,
            digest=timeline.digest,
            **measured(made),
            run=run,
            labels=dict(labels or {}),
            deliverables=wanted_of(resolved.loaded.board),
            timeline=timeline,
            shots=tuple(
                map(
                    _shot,
                    outcomes,
                    takes,
                    made.result.chapters,
                    seams(resolved, takes, store=store, folder=made.folder / "clips", matches=made.matches),
                    drifts(resolved, takes),
                )
            ),
            credits=_credits(outcomes, takes, film=film, state=state, closed=closed),
        )
        # Looked at again: housekeeping may have found it without a name while the film was joined.
        _keep_music(store, resolved, timeline)
        return film_objects.keep(store, folder, made.folder, manifest)


def join_takes(
    timeline: Timeline,
    takes: Sequence[Take],
    *,
    store: Store,
    film: str,
    run: str | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> JoinedFilm:
    """Join takes that belong to no storyboard; the arguments and errors are those of `join`."""
    folder = film_objects.folder_of(film, timeline.digest)
    known = film_objects.find(store, folder)
    if known is not None:
        return known
    with stores.temporary_folder("film") as work:
        made = render(timeline, store, work, on_progress=on_progress)
        spent = sum({take.fingerprint: take.credits for take in takes}.values())
        manifest = Manifest(
            title=timeline.title,
            film=film,
            digest=timeline.digest,
            **measured(made),
            run=run,
            timeline=timeline,
            shots=tuple(
                FilmShot(
                    shot=take.shot,
                    scene=take.shot.partition("/")[0],
                    id=take.shot.rpartition("/")[2],
                    state="current",
                    start=chapter.start,
                    end=chapter.end,
                    used=take,
                )
                for take, chapter in zip(takes, made.result.chapters, strict=True)
            ),
            credits=FilmCredits(used_takes=spent, alternates=0, settled=spent, reserved=0, in_doubt=0, refunded=None),
        )
        return film_objects.keep(store, folder, made.folder, manifest)


def measured(made: RenderedFilm) -> dict[str, Any]:
    """The part of a manifest that tells of the joining itself."""
    result = made.result
    return {
        "sha256": made.sha256,
        "bytes": made.bytes,
        "frames": result.frames,
        "dropped": result.dropped,
        "encoded": result.plan.encoded,
        "seconds": result.seconds,
        "way": result.way,
        "loudness": result.loudness,
        "joined_at": datetime.now(UTC),
        "software": software(),
    }


def _shot(outcome: ShotOutcome, used: Take, chapter: Chapter, seam: Seam | None, drift: float | None) -> FilmShot:
    shot = outcome.shot
    return FilmShot(
        shot=shot.label,
        scene=shot.scene,
        id=shot.id,
        state=outcome.state,
        why=outcome.why,
        start=chapter.start,
        end=chapter.end,
        used=used,
        alternates=tuple(take for take in outcome.takes if take.fingerprint != used.fingerprint),
        seam=seam,
        drift=drift,
    )


def _credits(
    outcomes: Sequence[ShotOutcome],
    takes: Sequence[Take],
    *,
    film: str,
    state: LedgerState,
    closed: Iterable[Closed] | None,
) -> FilmCredits:
    used = {take.fingerprint: take.credits for take in takes}
    kept = {take.fingerprint: take.credits for outcome in outcomes for take in outcome.takes}
    doubts = sum(a.money for a in state.doubts() if a.order.film == film)
    return FilmCredits(
        used_takes=sum(used.values()),
        alternates=sum(credits for name, credits in kept.items() if name not in used),
        settled=state.films.get(film, 0),
        reserved=state.held(film=film) - doubts,
        in_doubt=doubts,
        refunded=None if closed is None else sum(c.refunded for c in closed if c.order.film == film),
    )


def _keep_music(store: Store, resolved: Resolved, timeline: Timeline) -> None:
    """Put the music into the store, so that the film can be joined again without the storyboard's files."""
    key, music = timeline.sound.music, resolved.music
    if key is None or music is None or not isinstance(music.source, Path) or store.head(key) is not None:
        return
    try:
        with music.source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MediaError(
            f"{music.name} can no longer be read: {error.strerror}", next_step="restore the file and run again"
        ) from None
    if digest != timeline.sound.music_sha256:
        raise MediaError(f"{music.name} changed while the run was under way", next_step="run again")
    kind = _MUSIC.get(key.rpartition(".")[2], "application/octet-stream")
    store.put_file(key, music.source, content_type=kind)

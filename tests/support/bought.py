"""Films that look as a run left them, without a run: takes, ledger, film, manifest and snapshot are written, clips are not."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from takes import take_of

from longtake import library, manifest, request, storyboard, timeline
from longtake.catalog import Catalog
from longtake.film.rendering import software
from longtake.ledger import Budget, Ledger, Purchase, account_of
from longtake.ledger.realm import realm_of
from longtake.library import ClipFile, Frame, Take
from longtake.plan import Comparison

FILM_BYTES = b"the film"
PROMPT = "Waves break on black rocks at dawn, wide shot, slow dolly in, low sun behind the lighthouse, gulls, cold mist"


def board(shots: int, *, chain: int = 10, title: str = "A Long Film") -> str:
    """A storyboard of so many shots, in scenes that are a chain each."""
    lines = [
        "schema: longtake/1",
        f"title: {title}",
        "model: seedance-2.5",
        "defaults: {resolution: 480p, duration: 5}",
    ]
    lines.append("scenes:")
    for number in range(shots):
        if number % chain == 0:
            lines += [f"  - id: scene-{number // chain}", "    shots:"]
        lines.append(f'      - {{id: shot-{number}, prompt: "{PROMPT}, number {number}"}}')
    return "\n".join(lines) + "\n"


def buy(text: str, store, settings, *, ledger: bool = True) -> None:
    """Leave in the store what a run of a storyboard leaves there; every take is another."""
    catalog = Catalog.load()
    resolved = request.resolve(storyboard.parse(text, name="board.yaml", base=None), catalog)
    slug = storyboard.slug(resolved.loaded.board.title)
    account = account_of(settings.host, settings.key().get_secret_value())
    accounted = Ledger(store, account)
    take_library = library.read_holdings(store, slug)

    def keep(shot, **named):
        plain = take_of(shot, **named)
        clip, last = _digest("clip", plain.fingerprint), _digest("frame", plain.fingerprint)
        parts = {
            "clip": ClipFile(
                key=f"media/{clip}.mp4",
                sha256=clip,
                bytes=2_000_000,
                width=864,
                height=496,
                frames=120,
                seconds=5,
                audio=True,
            ),
            "last_frame": Frame(key=f"media/{last}.png", sha256=last, source="provider"),
            "task_id": f"task_{plain.fingerprint[:24]}",
        }
        take = plain.model_copy(update={**parts, "account": account, "attempt": f"a-{shot.id}", "film": slug})
        if ledger:
            _book(accounted, take, shot, slug)
        return library.save(store, take)

    found = keep_missing(resolved, take_library, catalog=catalog, realm=realm_of(settings.host), keep=keep)
    takes = [found[shot.id][1].used for shot in resolved.shots]
    _film(store, resolved, takes, slug)
    save_snapshot(take_library, resolved, found)


def keep_missing(resolved, take_library, *, catalog, realm, keep):
    """Let `keep(shot, **arguments of take_of)` keep each missing take; gives how each shot stood before and stands now, by id."""
    comparison = Comparison(resolved, take_library, catalog=catalog, realm=realm).running()
    found = {}
    for shot in resolved.parents_first():
        parent = found[shot.parent][1] if shot.parent else None
        before = comparison.look(shot, parent)
        frame = parent.used.last_frame.sha256 if parent and parent.used else None
        for lack in before.lacks:
            digests = comparison.digests[shot.id]
            take_library.add(keep(shot, take=lack.number, frame=frame, digests=digests, realm=realm))
        found[shot.id] = before, comparison.look(shot, parent)
    return found


def save_snapshot(take_library, resolved, found) -> None:
    """Save which takes are used now, as a run does at its end."""
    used = {name: now.used.fingerprint for name, (_, now) in found.items()}
    take_library.save(run="a-run", used=used, labels={shot.id: shot.label for shot in resolved.shots})


def copy(source, target) -> None:
    """All objects of a store into another."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: target.put_if_absent(key, source.get(key, limit=10**9)), source.list("")))


def _digest(*what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()


def _book(ledger: Ledger, take: Take, shot, slug: str) -> None:
    order = Purchase(
        film=slug,
        scene=shot.scene,
        shot=shot.id,
        take=take.take,
        fingerprint=take.fingerprint,
        description=take.description,
        model=shot.model,
        run="a-run",
        expected=shot.expected.credits,
        reserve=shot.reserve.credits,
    )
    attempt = ledger.claim(order, body=take.request, budget=Budget(), kept=lambda: False).attempt
    ledger.accepted(attempt, take.task_id)
    ledger.completed(attempt, take.credits)
    ledger.settled(attempt, clip=take.clip.sha256)


def _film(store, resolved, takes, slug) -> None:
    line = timeline.of(resolved, takes)
    folder = f"films/{slug}/{line.digest}/"
    made = manifest.Manifest(
        title=line.title,
        film=slug,
        digest=line.digest,
        sha256=hashlib.sha256(FILM_BYTES).hexdigest(),
        bytes=len(FILM_BYTES),
        frames=120 * len(takes),
        dropped=0,
        encoded=0,
        seconds=5.0 * len(takes),
        way="copy",
        joined_at=datetime.now(UTC),
        run="a-run",
        timeline=line,
        shots=tuple(
            manifest.FilmShot(
                shot=shot.label, scene=shot.scene, id=shot.id, state="bought", start=5.0 * n, end=5.0 * n + 5, used=take
            )
            for n, (shot, take) in enumerate(zip(resolved.shots, takes, strict=True))
        ),
        credits=manifest.FilmCredits(
            used_takes=sum(take.credits for take in takes), alternates=0, settled=0, reserved=0, in_doubt=0, refunded=0
        ),
        software=software(),
    )
    store.put_if_absent(f"{folder}film.mp4", FILM_BYTES, content_type="video/mp4")
    store.put_if_absent(f"{folder}poster.jpg", b"a poster", content_type="image/jpeg")
    store.put_if_absent(f"{folder}manifest.json", manifest.dump(made))

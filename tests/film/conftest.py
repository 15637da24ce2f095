"""Films from clips that nobody bought: takes as a run keeps them, made here with ffmpeg, and the real join."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from longtake import film as films
from longtake import library, media, plan, request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.cli import main
from longtake.ledger import EntryLog, account_of
from longtake.library import ClipFile, Frame, Take
from longtake.media import ffmpeg
from longtake.plan import Comparison
from longtake.report import ShotOutcome
from longtake.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.review import WaitingRun

CATALOG = Catalog.load()
SETTINGS = Settings(base_url="https://reapi.example/api/v1")
ACCOUNT = account_of(SETTINGS.host, "a-key")
SLUG = "a-small-film"
FRAMES = 9


@dataclass
class Clips:
    """Small clips with sound, no two alike, and their last frames."""

    folder: Path
    coding: tuple[str, ...] = ("-preset", "ultrafast")
    _made: list[tuple[Path, Path]] = field(default_factory=list)

    def __getitem__(self, number: int) -> tuple[Path, Path]:
        while len(self._made) <= number:
            n = len(self._made)
            clip, last = self.folder / f"{n}.mp4", self.folder / f"{n}.png"
            sources = (
                f"testsrc2=s=64x48:r=24:d=20,trim=start_frame={7 * n}:end_frame={7 * n + FRAMES},setpts=PTS-STARTPTS",
            )
            args = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
            args += ["-f", "lavfi", "-i", f"sine=f={200 + 20 * n}:r=44100:d={FRAMES / 24}"]
            args += ["-c:v", "libx264", *self.coding, "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mp4"]
            ffmpeg.run([*args, ffmpeg.file_url(clip)])
            media.last_frame(clip, last)
            self._made.append((clip, last))
        return self._made[number]


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    return Clips(tmp_path_factory.mktemp("clips"))


@dataclass
class Studio:
    """A store in which films are made. `run` does what a run does, with `clips` for a provider."""

    store: stores.Store
    folder: Path
    clips: Clips
    numbers: Any = field(default_factory=count)
    closed: list = field(default_factory=list)

    def run(self, text: str, **options: Any) -> tuple[films.Film, int]:
        """The film, and how many takes had to be made for it."""
        resolved = self.resolved(text)
        take_library = library.read_holdings(self.store, SLUG)
        comparison = Comparison(resolved, take_library, catalog=CATALOG, realm=SETTINGS.realm).running()
        statuses, outcomes, made = {}, {}, 0
        for shot in resolved.parents_first():
            parent = statuses[shot.parent] if shot.parent else None
            status = comparison.look(shot, parent)
            for lack in status.lacks:
                made += 1
                take_library.add(self.keep(comparison, shot, lack.number, parent.used if parent else None))
            state = "stale" if status.state == "stale" else "bought" if status.lacks else "current"
            status = statuses[shot.id] = comparison.look(shot, parent)
            why = "; ".join(map(str, status.reasons))
            outcomes[shot.id] = ShotOutcome(shot, state, status.used, status.kept, why=why)
        used = {name: one.used.fingerprint for name, one in statuses.items()}
        take_library.save(run="a-run", used=used, labels={shot.id: shot.label for shot in resolved.shots})
        film = films.join(
            resolved,
            [outcomes[shot.id] for shot in resolved.shots],
            store=self.store,
            film=SLUG,
            state=EntryLog(self.store, ACCOUNT).read(),
            closed=self.closed,
            run="a-run",
            **options,
        )
        return film, made

    def resolved(self, text: str):
        return request.resolve(storyboard.draft_text(text, name="board.yaml", base=self.folder), CATALOG)

    def to_buy(self, text: str) -> tuple[int, str]:
        """What a plan would pay, in credits, and whether it finds the film joined."""
        found = plan.make(self.resolved(text), catalog=CATALOG, store=self.store, settings=SETTINGS, film=SLUG)
        return found.expected, found.joined

    def keep(self, comparison: Comparison, shot, number: int, source: Take | None) -> Take:
        """A new take with a clip of its own."""
        (clip, last), digests = self.clips[next(self.numbers)], comparison.digests[shot.id]
        frame = source.last_frame.sha256 if source is not None else None
        fields = {"realm": SETTINGS.realm, "digests": digests}
        kept = Take(
            fingerprint=request.fingerprint(shot, take=number, frame=frame, **fields),
            description=request.description(shot, **fields),
            frame=frame,
            model=shot.model,
            request=request.frozen_body(shot, digests=digests, frame=frame, catalog=CATALOG),
            clip=ClipFile(
                key=self.put(clip, "mp4"), sha256=sha256(clip), bytes=clip.stat().st_size, width=64, height=48,
                frames=FRAMES, seconds=FRAMES / 24, audio=True,
            ),
            last_frame=Frame(key=self.put(last, "png"), sha256=sha256(last), source="provider"),
            account=ACCOUNT,
            attempt=f"a{number}",
            task_id=f"task_{number:08}",
            credits=shot.expected.credits,
            credits_from="usage",
            film=SLUG,
            shot=shot.label,
            take=number,
            kept_at=datetime.now(UTC),
        )  # fmt: skip
        return library.save(self.store, kept)

    def put(self, path: Path, ending: str) -> str:
        key = f"media/{sha256(path)}.{ending}"
        self.store.put_file(key, path, content_type="video/mp4" if ending == "mp4" else "image/png")
        return key

    def read(self, key: str) -> bytes:
        return self.store.get(key, limit=10**9)

    def listed(self, prefix: str = "") -> list[str]:
        return list(self.store.list(prefix))


@pytest.fixture
def studio(tmp_path, clips):
    (tmp_path / "board").mkdir(exist_ok=True)
    return Studio(stores.open(str(tmp_path / "store")), tmp_path / "board", clips)


@pytest.fixture(scope="module")
def module_studio(tmp_path_factory, clips):
    """One store for the tests of a module, for films that none of them changes."""
    folder = tmp_path_factory.mktemp("studio")
    return Studio(stores.open(str(folder / "store")), folder, clips)


@pytest.fixture
def remote_studio(tmp_path, clips, strict_bucket):
    """The same in an S3 bucket."""
    (tmp_path / "board").mkdir(exist_ok=True)
    return Studio(stores.open(f"s3://{strict_bucket}/films-of-mine"), tmp_path / "board", clips)


@pytest.fixture
def longtake(capsys, monkeypatch, tmp_path):
    """Run a command on a studio's store, without a key: exit code, its JSON (or text), and what went to standard error."""

    def run(studio: Studio, *words: object, as_json: bool = True):
        for name in [name for name in os.environ if name.startswith(("LONGTAKE_", "REAPI_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("LONGTAKE_STORE", studio.store.uri)
        monkeypatch.chdir(tmp_path)
        code = main([*map(str, words), *(["--json"] if as_json else [])])
        said = capsys.readouterr()
        return code, json.loads(said.out) if as_json else said.out, said.err

    return run


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def board(*shots: str, sound: str = "", title: str = "A Small Film") -> str:
    """A storyboard of one scene for each line of shots, written as `one: prompt, two: prompt`."""
    lines = [
        "schema: longtake/1",
        f"title: {title}",
        "model: seedance-2.5",
        "defaults: {resolution: 480p, duration: 4}",
        "scenes:",
    ]
    for number, line in enumerate(shots):
        lines.append(f"  - id: s{number}")
        lines.append("    shots:")
        for one in line.split(", "):
            name, prompt = one.split(": ")
            takes = ", takes: 2" if prompt.endswith("!") else ""
            lines.append(f'      - {{id: {name}, prompt: "{prompt}"{takes}}}')
    return "\n".join([*lines, sound])


@pytest.fixture(scope="session")
def write_board():
    return board


@pytest.fixture
def broken(studio):
    """Change bytes in the middle of an object of a local store; its size stays."""

    def change(key: str) -> None:
        path = studio.store.path(key)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        copy = path.with_suffix(".new")
        copy.write_bytes(data)
        shutil.move(copy, path)

    return change


@dataclass
class Waiting:
    """An engine of which one run of the film waits."""

    runs: list[WaitingRun] = field(default_factory=list)
    places: set[tuple[str, str]] = field(default_factory=set)
    answers: list[tuple[str, str, int, str]] = field(default_factory=list)

    def waiting(self, film, store):
        self.places.add((film, store))
        return list(self.runs)

    def approve(self, run, *, question, credits, by):
        self.answers.append((run, question, credits, by))


@pytest.fixture
def engine():
    return Waiting()

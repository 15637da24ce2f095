"""Films from clips that nobody bought: takes as a run keeps them, made here with ffmpeg, and the real join."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import bought
import pytest
from takes import take_of

from longtake import film as films
from longtake import library, media, plan, request, storyboard
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.cli import main
from longtake.ledger import EntryLog, account_of
from longtake.ledger.realm import realm_of
from longtake.library import ClipFile, Frame, Take
from longtake.media import ffmpeg
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
            picture = (
                f"testsrc2=s=64x48:r=24:d=20,trim=start_frame={7 * n}:end_frame={7 * n + FRAMES},setpts=PTS-STARTPTS"
            )
            sound = f"sine=f={200 + 20 * n}:r=44100:d={FRAMES / 24}"
            args = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
            args += ["-c:v", "libx264", *self.coding, "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mp4"]
            ffmpeg.run([*args, ffmpeg.file_url(clip)])
            media.last_frame(clip, last)
            self._made.append((clip, last))
        return self._made[number]


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    return Clips(tmp_path_factory.mktemp("clips"))


@dataclass
class FilmMaker:
    """Makes films in a store as a run does, with `clips` for a provider."""

    store: stores.Store
    folder: Path
    clips: Clips
    numbers: Any = field(default_factory=count)
    closed: list = field(default_factory=list)

    def run(self, text: str, **options: Any) -> tuple[films.Film, int]:
        """The film, and how many takes had to be made for it."""
        resolved = self.resolved(text)
        take_library = library.read_holdings(self.store, SLUG)
        found = bought.keep_missing(
            resolved, take_library, catalog=CATALOG, realm=realm_of(SETTINGS.host), keep=self.keep
        )
        outcomes = []
        for shot in resolved.shots:
            before, now = found[shot.id]
            state = "stale" if before.state == "stale" else "bought" if before.lacks else "current"
            why = "; ".join(map(str, now.reasons))
            outcomes.append(ShotOutcome(shot, state, now.used, now.kept, why=why))
        bought.save_snapshot(take_library, resolved, found)
        given = {"state": EntryLog(self.store, ACCOUNT).read(), "closed": self.closed, "run": "a-run", **options}
        film = films.join(resolved, outcomes, store=self.store, film=SLUG, **given)
        return film, sum(len(before.lacks) for before, _ in found.values())

    def resolved(self, text: str):
        return request.resolve(storyboard.draft_text(text, name="board.yaml", base=self.folder), CATALOG)

    def to_buy(self, text: str) -> tuple[int, str]:
        """What a plan would pay, in credits, and whether it finds the film joined."""
        found = plan.make(self.resolved(text), catalog=CATALOG, store=self.store, settings=SETTINGS, film=SLUG)
        return found.expected, found.joined

    def keep(self, shot, **named: Any) -> Take:
        """A new take with a clip of its own."""
        clip, last = self.clips[next(self.numbers)]
        parts = {
            "clip": ClipFile(
                key=self.put(clip, "mp4"), sha256=sha256(clip), bytes=clip.stat().st_size, width=64, height=48,
                frames=FRAMES, seconds=FRAMES / 24, audio=True,
            ),
            "last_frame": Frame(key=self.put(last, "png"), sha256=sha256(last), source="provider"),
        }  # fmt: skip
        return library.save(self.store, take_of(shot, account=ACCOUNT, film=SLUG, **parts, **named))

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
    return FilmMaker(stores.open(str(tmp_path / "store")), tmp_path / "board", clips)


@pytest.fixture(scope="module")
def module_studio(tmp_path_factory, clips):
    """One store for the tests of a module, for films that none of them changes."""
    folder = tmp_path_factory.mktemp("studio")
    return FilmMaker(stores.open(str(folder / "store")), folder, clips)


@pytest.fixture
def remote_studio(tmp_path, clips, strict_bucket):
    """The same in an S3 bucket."""
    (tmp_path / "board").mkdir(exist_ok=True)
    return FilmMaker(stores.open(f"s3://{strict_bucket}/films-of-mine"), tmp_path / "board", clips)


@pytest.fixture
def longtake(capsys, monkeypatch, tmp_path):
    """Run a command on a studio's store, without a key: exit code, its JSON (or text), and what went to standard error."""

    def run(studio: FilmMaker, *words: object, as_json: bool = True):
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

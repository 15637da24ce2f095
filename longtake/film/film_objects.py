"""The objects of a film in the store: find them, write them, verify them.

``films/<film>/<digest>/`` holds `film.mp4`, `poster.jpg`, `report.html`, `manifest.json`, `film.vtt` where there are captions,
and `hls/` where the storyboard asks for it. These objects are never overwritten: if another ffmpeg makes other bytes of the same
timeline, they go into a subfolder named after the first 12 hex digits of their SHA-256, with a manifest of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake import manifest as manifests
from longtake.film.film_page import film_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from longtake.manifest import Manifest
    from longtake.store import Store

_PAGE = "report.html"
_FILES = {
    "film.mp4": "video/mp4",
    "poster.jpg": "image/jpeg",
    "film.vtt": "text/vtt",
    _PAGE: "text/html; charset=utf-8",
}
_HLS = {".m3u8": "application/vnd.apple.mpegurl", ".vtt": "text/vtt"}
_STEP = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JoinedFilm:
    """A film in the store, and whether this call joined it.

    Attributes:
        manifest: the film's.
        key: of `film.mp4`.
        poster: of its poster.
        made: whether this call joined it.
        marked: key of its marked copy, if there is one.
        delivered: name and key of each of its deliverables, as the storyboard asks for them.
    """

    manifest: Manifest
    key: str
    poster: str
    made: bool
    marked: str | None = None
    delivered: tuple[tuple[str, str], ...] = ()

    def place(self, store: Store) -> str:
        """A path for a local store, else the object's URI."""
        return place_of(store, self.key)

    def links(self, store: Store, *, public_url: str | None) -> dict[str, str]:
        """Links to the film, its page and its manifest: public URLs if there is a public base, else paths or URIs."""
        there = self.place(store) if public_url is None else f"{public_url.rstrip('/')}/{self.key}"
        folder = there.removesuffix("film.mp4")
        marked = {"marked film": folder + self.marked.rpartition("/")[2]} if self.marked is not None else {}
        made = {f"deliverable {name}": folder + key.removeprefix(self._home) for name, key in self.delivered}
        return {"film": there, **marked, **made, "report": f"{folder}{_PAGE}", "manifest": f"{folder}manifest.json"}

    def deliverables(self, store: Store) -> dict[str, str]:
        """Path or URI of each deliverable, by name; see `place`."""
        return {name: place_of(store, key) for name, key in self.delivered}

    @property
    def _home(self) -> str:
        return self.key.removesuffix("film.mp4")

    def manifest_place(self, store: Store) -> str:
        """Path or URI of the manifest; see `place`."""
        return self.place(store).removesuffix("film.mp4") + "manifest.json"


def place_of(store: Store, key: str) -> str:
    """Where an object lies: a path for a local store, else its URI."""
    path = store.path(key)
    return str(path) if path is not None else f"{store.uri.rstrip('/')}/{key}"


def folder_of(film: str, digest: str) -> str:
    """The key prefix of a timeline's film."""
    return f"films/{film}/{digest}/"


def find(store: Store, folder: str, *, sha256: str | None = None) -> JoinedFilm | None:
    """Find the film below a folder whose file has the size its manifest states; None if there is none.

    Args:
        store: where to look.
        folder: a timeline's.
        sha256: accept only a film with this digest.

    Raises:
        StoreError: the store cannot be reached, or a manifest there is from another release.
    """
    for home in _homes(store, folder):
        manifest = _manifest(store, home)
        if manifest is None or sha256 not in {None, manifest.sha256}:
            continue
        there = store.head(f"{home}film.mp4")
        if there is not None and there.size == manifest.bytes:
            return _film(manifest, home, made=False)
    return None


def keep(store: Store, folder: str, files: Path, manifest: Manifest) -> JoinedFilm:
    """Store the files of a joined film, the manifest last. Existing objects are kept.

    Raises:
        StoreError: the store is away.
    """
    first = _manifest(store, folder)
    home = folder if first is None or first.sha256 == manifest.sha256 else f"{folder}{manifest.sha256[:12]}/"
    (files / _PAGE).write_bytes(film_page(manifest, store, home, files / "clips"))
    for name, kind in _files(files):
        store.put_file(home + name, files / name, content_type=kind)
    if not store.put_if_absent(f"{home}manifest.json", manifests.dump(manifest)):
        manifest = _manifest(store, home) or manifest
    return _film(manifest, home, made=True)


def complete(store: Store, film: JoinedFilm, files: Path) -> None:
    """Restore missing files of a stored film; existing objects are kept.

    Raises:
        StoreError: the store is away.
    """
    home = film.key.removesuffix("film.mp4")
    (files / _PAGE).write_bytes(film_page(film.manifest, store, home, files / "clips"))
    for name, kind in _files(files):
        if store.head(home + name) is None:
            store.put_file(home + name, files / name, content_type=kind)


def verified(store: Store, film: JoinedFilm) -> bool:
    """Whether the film's SHA-256 matches its manifest. Reads the complete file in pieces.

    Raises:
        StoreError: the store is away.
    """
    digest = hashlib.sha256()
    with store.reader(film.key) as file:
        while piece := file.read(_STEP):
            digest.update(piece)
    return digest.hexdigest() == film.manifest.sha256


def sha256_of(path: Path) -> str:
    """The digest of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """The names of a joined film's files and their content types."""
    for name, kind in _FILES.items():
        if (folder / name).exists():
            yield name, kind
    for path in sorted((folder / "hls").glob("*")):
        yield f"hls/{path.name}", _HLS.get(path.suffix, "video/mp4")


def _homes(store: Store, folder: str) -> Iterator[str]:
    yield folder
    for key in store.list(folder):
        home = key.removesuffix("manifest.json")
        if key.endswith("/manifest.json") and home != folder:
            yield home


def _manifest(store: Store, home: str) -> Manifest | None:
    key = f"{home}manifest.json"
    data = store.get(key, limit=manifests.LIMIT)
    return None if data is None else manifests.load(data, name=key)


def _film(manifest: Manifest, home: str, *, made: bool) -> JoinedFilm:
    return JoinedFilm(manifest, f"{home}film.mp4", f"{home}poster.jpg", made=made)

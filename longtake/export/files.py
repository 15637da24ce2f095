"""Write a film's edit into a file, or into a folder together with the clips it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from longtake.errors import SettingsError
from longtake.export import cut_list, opentimeline
from longtake.media.concat import captions
from longtake.media.concat.model import Chapter
from longtake.store.keys import join_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.library import Take
    from longtake.manifest import Manifest
    from longtake.store import Store

ExportForm = Literal["otio", "fcpxml", "edl", "folder"]
"""`otio`, `fcpxml` and `edl` are one file; `folder` has these three, the captions and every kept take."""

_FILE_FORMS = ("otio", "fcpxml", "edl")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or the folder.
        files: how many files were written.
        notes: what a form cannot say, one line each.
    """

    path: Path
    files: int
    notes: tuple[str, ...]


def export(
    manifest: Manifest,
    store: Store,
    to: ExportForm,
    out: Path,
    *,
    public_url: str | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Exported:
    """Write a film's edit. Costs nothing; a file names the clips where they lie, a folder holds them.

    Args:
        manifest: the film's.
        store: where its clips are.
        to: the form.
        out: the file to write, or a folder that is new or empty.
        public_url: what a bucket's objects can be read under; without it a file names them by their URI.
        on_progress: called with 0 to 1.

    Raises:
        SettingsError: the extra `otio` is not installed, the form is unknown, or `out` exists or cannot be written.
        StoreError: the store is away, or a clip is gone.
    """
    if to not in get_args(ExportForm):
        raise SettingsError(f"there is no form {to!r}", next_step=f"use one of {', '.join(get_args(ExportForm))}")
    forms = _FILE_FORMS if to == "folder" else (to,)
    for form in forms:
        opentimeline.require(form)
    try:
        if to == "folder":
            return _folder(manifest, store, out, on_progress)
        text, notes = opentimeline.text(manifest, to, lambda key: _address(store, key, public_url))
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
        return Exported(out, 1, notes)
    except FileExistsError:
        raise SettingsError(f"{out} exists", next_step="move it away, or name another with --out") from None
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}", next_step="name another place") from None


def _folder(manifest: Manifest, store: Store, out: Path, tell: Callable[[float], None] | None) -> Exported:
    """Clips first, the edits last: an edit never names a clip that is not there."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError
    names = {take.clip.key: f"media/{_file_name(take)}" for take in cut_list.of_manifest(manifest).takes}
    music = manifest.timeline.sound.music
    if music is not None:
        names[music] = f"media/music{Path(music).suffix}"
    (out / "media").mkdir(parents=True, exist_ok=True)
    for number, (key, name) in enumerate(names.items(), 1):
        store.download(key, out / name)
        if tell is not None:
            tell(number / len(names))
    notes: list[str] = []
    for form in _FILE_FORMS:
        text, more = opentimeline.text(manifest, form, names.__getitem__)
        (out / f"{manifest.film}.{form}").write_text(text, encoding="utf-8")
        notes += more
    said = _captions(manifest)
    if said:
        (out / f"{manifest.film}.srt").write_text(said, encoding="utf-8")
    return Exported(out, len(names) + len(_FILE_FORMS) + bool(said), tuple(notes))


def _file_name(take: Take) -> str:
    """`scene_shot_t1_0123abcd.mp4`: readable, and of its own for each take."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter == "-") else "_" for letter in take.shot)
    suffix = Path(take.clip.key).suffix or ".mp4"
    return f"{plain[:80]}_t{take.take}_{take.fingerprint[:8]}{suffix}"


def _address(store: Store, key: str, public_url: str | None) -> str:
    path = store.path(key)
    if path is not None:
        return path.resolve().as_uri()
    return join_url(public_url, key) if public_url is not None else f"{store.uri.rstrip('/')}/{key}"


def _captions(manifest: Manifest) -> str:
    """The captions as SubRip; empty without any."""
    chapters = [Chapter(shot.start, shot.end, shot.shot) for shot in manifest.shots]
    return captions.subrip(captions.cues([cut.caption for cut in manifest.timeline.cuts], chapters))

"""Marked copies of films: metadata that says a generative model made them, and a C2PA manifest signed with the user's certificate.

What is written: the IPTC digital source type `trainedAlgorithmicMedia` in XMP; in the C2PA manifest the actions (created by which
models, edited by concatenation), and each used take by its SHA-256. Prompts, keys and task ids are left out. Pictures and sound are
not touched. The extra `c2pa` is needed for signing and for checking a signature.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from longtake import media
from longtake.errors import MediaError
from longtake.film import marks, signing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longtake.film.signing import Signing
    from longtake.manifest import Manifest
    from longtake.settings import Marking, Settings


def mark(
    film: Path,
    into: Path,
    manifest: Manifest,
    signer: Signing | None = None,
    *,
    edit: str | None = None,
    files: Mapping[str, str] | None = None,
) -> None:
    """Write a marked copy of a film: with XMP, and signed where `signer` is given.

    Args:
        film: an MP4 file.
        into: the file to write.
        manifest: the film's.
        signer: what signs.
        edit: what was done to the film for this file; None for the film itself.
        files: SHA-256 of other files that belong to this one, by name: a signature covers them, too.

    Raises:
        SettingsError: the extra `c2pa` is not installed, or the certificate or key cannot be used.
        MediaError: the film cannot be read or the copy cannot be written.
    """
    try:
        if signer is None:
            shutil.copyfile(film, into)
            with into.open("ab") as file:
                file.write(marks.packet())
            return
        with into.with_suffix(".unsigned").open("w+b") as marked:
            plain = Path(marked.name)
            with film.open("rb") as source:
                shutil.copyfileobj(source, marked, 1024 * 1024)
            marked.write(marks.packet())
            marked.seek(0)
            try:
                with into.open("w+b") as target:
                    signing.sign(signer, signing.claim_of(manifest, edit, files), marked, target)
            finally:
                plain.unlink(missing_ok=True)
    except OSError as error:
        raise MediaError(f"{film.name} cannot be marked: {error.strerror}", next_step="free some disk space") from None


def check_marking(settings: Settings) -> str:
    """See that films can be marked as the settings ask, and say how; a signature is tried out on the sample clip.

    Raises:
        SettingsError: the extra `c2pa` is not installed, or the certificate or key is missing or cannot be used.
    """
    signer = signing.signing_of(settings)
    if signer is None:
        return settings.marking
    sample = Path(media.__file__).with_name("sample.mp4")
    with sample.open("rb") as source, tempfile.TemporaryFile() as target:
        signing.sign(signer, signing.bare_claim(), source, target)
    return f"signed with {signer.certificate}"


def marked_as(settings: Settings, marking: Marking | None) -> Settings:
    """The settings with the marking that a storyboard asks for; None leaves them as they are."""
    return settings if marking is None else settings.model_copy(update={"marking": marking})

"""Signing with C2PA: the user's certificate, what a manifest says, and the library that signs (the extra `c2pa`)."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longtake.errors import SettingsError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from longtake.manifest import Manifest
    from longtake.settings import Settings

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TAKES, FILES = "org.longtake.takes", "org.longtake.files"
"""Labels of our own assertions: the used takes, and the other files of an HLS folder."""
_GENERATOR = {"claim_generator_info": [{"name": "Longtake", "version": VERSION}], "format": "video/mp4"}
_MOST_PEM = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Signing:
    """What signs: a certificate with its chain (PEM), and a private key (PEM) or a function that signs.

    Attributes:
        certificate: the file of the certificate, followed by those that issued it.
        key: the private key's file.
        sign: signs bytes instead of `key`, for a key management service; the signature in the raw form of the algorithm.
        algorithm: `es256`, `es384`, `es512`, `ps256`, `ps384`, `ps512` or `ed25519`.
    """

    certificate: Path
    key: Path | None = None
    sign: Callable[[bytes], bytes] | None = None
    algorithm: str = "es256"


def signing_of(settings: Settings) -> Signing | None:
    """What the settings sign with; None where they ask for no signature.

    Raises:
        SettingsError: a certificate or a key is not named.
    """
    if settings.marking != "signed":
        return None
    if settings.signing_certificate is None or settings.signing_key is None:
        raise SettingsError(
            "films are to be signed, and there is no certificate or no key",
            next_step="set LONGTAKE_SIGNING_CERTIFICATE and LONGTAKE_SIGNING_KEY, or set LONGTAKE_MARKING to metadata",
        )
    return Signing(settings.signing_certificate, settings.signing_key)


def claim_of(manifest: Manifest, edit: str | None = None, files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The C2PA manifest of a film, as the library takes it.

    Args:
        manifest: the film's.
        edit: what was done to the film for this file; None for the film itself.
        files: SHA-256 of other files that belong to this one, by name.
    """
    takes = [shot.used for shot in manifest.shots]
    return {
        **_GENERATOR,
        "title": manifest.title,
        "assertions": [
            _actions(tuple(dict.fromkeys(take.model for take in takes)), edit),
            {
                "label": TAKES,
                "data": {
                    "film": manifest.sha256,
                    "takes": [{"shot": take.shot, "sha256": take.clip.sha256, "model": take.model} for take in takes],
                },
            },
            *([{"label": FILES, "data": {"files": dict(files)}}] if files else []),
        ],
    }


def bare_claim() -> dict[str, Any]:
    """The C2PA manifest of a sample."""
    return {**_GENERATOR, "assertions": [_actions(())]}


def _actions(models: tuple[str, ...], edit: str | None = None) -> dict[str, Any]:
    made = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": {"name": ", ".join(models) or "none"},
    }
    joined = {
        "action": "c2pa.edited",
        "description": "clips were concatenated",
        "softwareAgent": {"name": f"Longtake {VERSION}"},
    }
    edited = {**joined, "description": edit}
    return {"label": "c2pa.actions.v2", "data": {"actions": [made, joined, *([edited] if edit else [])]}}


def sign(signing: Signing, claim: dict[str, Any], source: Any, target: Any) -> None:  # noqa: ANN401 - files of any kind
    """Copy an MP4 file with a signed manifest in it.

    Raises:
        SettingsError: the extra `c2pa` is not installed, or the certificate or key cannot be used.
    """
    c2pa = library()
    try:
        algorithm = c2pa.C2paSigningAlg[signing.algorithm.upper()]
    except KeyError:
        known = ", ".join(one.name.lower() for one in c2pa.C2paSigningAlg)
        raise SettingsError(
            f"there is no signing algorithm {signing.algorithm!r}", next_step=f"use one of {known}"
        ) from None
    chain = read_pem(signing.certificate, "the signing certificate")
    try:
        if signing.sign is not None:
            signer = c2pa.Signer.from_callback(signing.sign, algorithm, chain, None)
        elif signing.key is not None:
            key = read_pem(signing.key, "the signing key")
            signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain.encode(), key.encode(), None))
        else:
            raise SettingsError("there is a signing certificate but no key", next_step="set LONGTAKE_SIGNING_KEY, too")
        with signer, c2pa.Builder(claim) as builder:
            builder.sign(signer, "video/mp4", source, target)
    except c2pa.C2paError as error:
        raise SettingsError(
            f"the film cannot be signed with {signing.certificate}: {plain(error)}",
            next_step="use a certificate for C2PA with its chain, and the key that belongs to it",
        ) from None


def library() -> Any:  # noqa: ANN401 - it has no types
    """The C2PA library.

    Raises:
        SettingsError: the extra `c2pa` is not installed.
    """
    try:
        return importlib.import_module("c2pa")
    except ImportError:
        raise SettingsError(
            "c2pa-python, which signs and checks, is not installed", next_step="pip install 'longtake[c2pa]'"
        ) from None


def read_pem(path: Path, what: str) -> str:
    """A small text file. Nothing of it is ever shown: it may be a key.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        if path.stat().st_size > _MOST_PEM:
            raise SettingsError(f"{what}, {path}, is too large", next_step="name a PEM file")
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{what}, {path}, cannot be read: {getattr(error, 'strerror', 'it is not PEM')}",
            next_step="name a PEM file",
        ) from None


def plain(error: Exception) -> str:
    """What the library says, on one line."""
    return " ".join(str(error).split())[:300]

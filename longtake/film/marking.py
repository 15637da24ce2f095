"""Marks that say what a film is: made by a generative model. XMP metadata, and a C2PA manifest signed with the user's certificate.

What is written: the IPTC digital source type `trainedAlgorithmicMedia` in XMP; in the C2PA manifest the actions (created by which
models, edited by concatenation), and each used take by its SHA-256. Prompts, keys and task ids are left out. Pictures and sound are
not touched. The extra `c2pa` is needed for signing and for checking a signature (C2PA 2.2; XMP in ISO files: XMP part 3, 1.2.7).
"""

from __future__ import annotations

import importlib
import json
import shutil
import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from longtake import media
from longtake import store as stores
from longtake.errors import MediaError, SettingsError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from longtake.film.film_objects import JoinedFilm
    from longtake.manifest import Manifest
    from longtake.settings import Marking, Settings
    from longtake.store import Store

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The box of a C2PA manifest store (C2PA 2.2, A.5)."""
_TAKES = "org.longtake.takes"
_GENERATOR = {"claim_generator_info": [{"name": "Longtake", "version": VERSION}], "format": "video/mp4"}
_UNTRUSTED = "signingCredential.untrusted"
MARKED_NAMES: dict[Marking, str] = {"signed": "film-signed.mp4", "metadata": "film-marked.mp4"}
"""What a marked copy is called, the strongest marking first."""
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


@dataclass(frozen=True, slots=True)
class Marks:
    """What a file says of itself, and whether that holds.

    Attributes:
        source_type: the IPTC digital source type in its XMP; None without.
        signed_by: the name in the certificate; None without a signature.
        problems: why the signature does not hold; empty where it does or where there is none.
        trusted: whether the certificate comes from a known issuer; None where that was not asked.
        models: what made the takes.
        takes: SHA-256 of each used take, in film order.
    """

    source_type: str | None
    signed_by: str | None = None
    problems: tuple[str, ...] = ()
    trusted: bool | None = None
    models: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is marked, and nothing was changed since it was signed."""
        return (self.source_type is not None or self.signed_by is not None) and not self.problems


def mark(film: Path, into: Path, manifest: Manifest, signing: Signing | None = None) -> None:
    """Write a marked copy of a film: with XMP, and signed where `signing` is given.

    Raises:
        SettingsError: the extra `c2pa` is not installed, or the certificate or key cannot be used.
        MediaError: the film cannot be read or the copy cannot be written.
    """
    try:
        if signing is None:
            shutil.copyfile(film, into)
            _append(into, _packet())
            return
        with into.with_suffix(".unsigned").open("w+b") as marked:
            plain = Path(marked.name)
            with film.open("rb") as source:
                shutil.copyfileobj(source, marked, 1024 * 1024)
            marked.write(_packet())
            marked.seek(0)
            try:
                with into.open("w+b") as target:
                    _sign(signing, _claim(manifest), marked, target)
            finally:
                plain.unlink(missing_ok=True)
    except OSError as error:
        raise MediaError(f"{film.name} cannot be marked: {error.strerror}", next_step="free some disk space") from None


def check_marking(settings: Settings) -> str:
    """See that films can be marked as the settings ask, and say how; a signature is tried out on the sample clip.

    Raises:
        SettingsError: the extra `c2pa` is not installed, or the certificate or key is missing or cannot be used.
    """
    signing = _signing(settings)
    if signing is None:
        return settings.marking
    sample = Path(media.__file__).with_name("sample.mp4")
    with sample.open("rb") as source, tempfile.TemporaryFile() as target:
        _sign(signing, {**_GENERATOR, "assertions": [_actions(())]}, source, target)
    return f"signed with {signing.certificate}"


def marked_as(settings: Settings, marking: Marking | None) -> Settings:
    """The settings with the marking that a storyboard asks for; None leaves them as they are."""
    return settings if marking is None else settings.model_copy(update={"marking": marking})


def marked_key(film: JoinedFilm, settings: Settings) -> str | None:
    """The key of the marked copy that the settings ask for; None where they ask for none."""
    return None if settings.marking == "off" else film.key.removesuffix("film.mp4") + MARKED_NAMES[settings.marking]


def keep_marked(film: JoinedFilm, store: Store, settings: Settings) -> JoinedFilm:
    """Store a marked copy next to a film, if the settings ask for one and there is none. It is written once, like the film.

    Raises:
        SettingsError: see `check_marking`.
        MediaError: the copy cannot be written.
        StoreError: the store is away.
    """
    key = marked_key(film, settings)
    if key is None:
        return film
    if store.head(key) is None:
        with stores.local_copy(store, film.key) as path, tempfile.TemporaryDirectory(prefix="longtake-mark-") as folder:
            made = Path(folder, "film.mp4")
            mark(path, made, film.manifest, _signing(settings))
            store.put_file(key, made, content_type="video/mp4")
    return replace(film, marked=key)


def _signing(settings: Settings) -> Signing | None:
    if settings.marking != "signed":
        return None
    if settings.signing_certificate is None or settings.signing_key is None:
        raise SettingsError(
            "films are to be signed, and there is no certificate or no key",
            next_step="set LONGTAKE_SIGNING_CERTIFICATE and LONGTAKE_SIGNING_KEY, or set LONGTAKE_MARKING to metadata",
        )
    return Signing(settings.signing_certificate, settings.signing_key)


def verify(path: Path, *, trust: Path | None = None) -> Marks:
    """Read a file's marks and check its signature.

    Args:
        path: an MP4 file.
        trust: certificates (PEM) of issuers to trust; without them no issuer counts as unknown.

    Raises:
        SettingsError: it is signed, and the extra `c2pa` is not installed.
        MediaError: it cannot be read.
    """
    try:
        source_type, signed = _look(path)
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}", next_step="name an MP4 file") from None
    if not signed:
        return Marks(source_type)
    c2pa = _library()
    settings: dict[str, Any] = {"verify": {"verify_trust": trust is not None}}
    if trust is not None:
        settings["trust"] = {"trust_anchors": _read(trust, "the issuers' certificates")}
    try:
        with path.open("rb") as file, c2pa.Reader("video/mp4", file, context=_context(c2pa, settings)) as reader:
            said = json.loads(reader.json())
    except c2pa.C2paError as error:
        return Marks(source_type, signed_by="unknown", problems=(_plain(error),))
    return _marks(source_type, said, asked=trust is not None)


def _marks(source_type: str | None, said: dict[str, Any], *, asked: bool) -> Marks:
    active = said.get("manifests", {}).get(said.get("active_manifest"), {})
    status = [(str(one.get("code")), str(one.get("explanation", ""))) for one in said.get("validation_status") or ()]
    assertions = {one.get("label"): one.get("data", {}) for one in active.get("assertions", ())}
    takes = assertions.get(_TAKES, {}).get("takes", ())
    models = dict.fromkeys(str(one.get("model")) for one in takes)
    return Marks(
        source_type,
        signed_by=str(
            active.get("signature_info", {}).get("common_name") or active.get("signature_info", {}).get("issuer")
        ),
        problems=tuple(f"{code}: {why}" for code, why in status if code != _UNTRUSTED),
        trusted=None if not asked else _UNTRUSTED not in {code for code, _ in status},
        models=tuple(models),
        takes=tuple(str(one.get("sha256")) for one in takes),
    )


def _claim(manifest: Manifest) -> dict[str, Any]:
    """The C2PA manifest of a film, as the library takes it."""
    takes = [shot.used for shot in manifest.shots]
    return {
        **_GENERATOR,
        "title": manifest.title,
        "assertions": [
            _actions(tuple(dict.fromkeys(take.model for take in takes))),
            {
                "label": _TAKES,
                "data": {
                    "film": manifest.sha256,
                    "takes": [{"shot": take.shot, "sha256": take.clip.sha256, "model": take.model} for take in takes],
                },
            },
        ],
    }


def _actions(models: tuple[str, ...]) -> dict[str, Any]:
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
    return {"label": "c2pa.actions.v2", "data": {"actions": [made, joined]}}


def _sign(signing: Signing, claim: dict[str, Any], source: Any, target: Any) -> None:  # noqa: ANN401 - files of any kind
    c2pa = _library()
    try:
        algorithm = c2pa.C2paSigningAlg[signing.algorithm.upper()]
    except KeyError:
        known = ", ".join(one.name.lower() for one in c2pa.C2paSigningAlg)
        raise SettingsError(
            f"there is no signing algorithm {signing.algorithm!r}", next_step=f"use one of {known}"
        ) from None
    chain = _read(signing.certificate, "the signing certificate")
    try:
        if signing.sign is not None:
            signer = c2pa.Signer.from_callback(signing.sign, algorithm, chain, None)
        elif signing.key is not None:
            key = _read(signing.key, "the signing key")
            signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain.encode(), key.encode(), None))
        else:
            raise SettingsError("there is a signing certificate but no key", next_step="set LONGTAKE_SIGNING_KEY, too")
        with signer, c2pa.Builder(claim) as builder:
            builder.sign(signer, "video/mp4", source, target)
    except c2pa.C2paError as error:
        raise SettingsError(
            f"the film cannot be signed with {signing.certificate}: {_plain(error)}",
            next_step="use a certificate for C2PA with its chain, and the key that belongs to it",
        ) from None


def _context(c2pa: Any, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - the library has no types
    return c2pa.Context(settings=c2pa.Settings.from_json(json.dumps(settings)))


def _library() -> Any:  # noqa: ANN401 - the library has no types
    try:
        return importlib.import_module("c2pa")
    except ImportError:
        raise SettingsError(
            "c2pa-python, which signs and checks, is not installed", next_step="pip install 'longtake[c2pa]'"
        ) from None


def _read(path: Path, what: str) -> str:
    """A small text file. Nothing of it is ever shown: it may be a key."""
    try:
        if path.stat().st_size > _MOST_PEM:
            raise SettingsError(f"{what}, {path}, is too large", next_step="name a PEM file")
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{what}, {path}, cannot be read: {getattr(error, 'strerror', 'it is not PEM')}",
            next_step="name a PEM file",
        ) from None


def _packet() -> bytes:
    """The XMP as a box at the end of an ISO file."""
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool="{escape(f"Longtake {VERSION}")}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
    return (24 + len(packet)).to_bytes(4, "big") + b"uuid" + _XMP + packet


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _look(path: Path) -> tuple[str | None, bool]:
    """The source type in a file's XMP, and whether it holds a C2PA manifest. Only the top boxes' heads are read."""
    source_type, signed, at, size = None, False, 0, path.stat().st_size
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(32)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            length = length or size - at
            if length < 8:
                break
            if head[4:8] == b"uuid" and head[8:24] == _XMP and length < _MOST_PEM:
                file.seek(at + 24)
                source_type = SOURCE_TYPE if SOURCE_TYPE.encode() in file.read(length - 24) else source_type
            elif head[4:8] == b"uuid" and head[8:24] == _C2PA:
                signed = True
            at += length
    return source_type, signed


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

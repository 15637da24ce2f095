"""What a file says of itself, whether that holds, and the box of metadata that says it.

XMP is written into ISO files as a box of its own (XMP part 3, 1.2.7); C2PA manifests are in one, too (C2PA 2.2, A.5).
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from longtake.errors import MediaError
from longtake.film import signing
from longtake.film.signing import FILES, SOURCE_TYPE, TAKES
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_XMP = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""The box of a C2PA manifest store."""
_UNTRUSTED = "signingCredential.untrusted"
_MOST_XMP = 1024 * 1024


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
        files: SHA-256 of the other files that belong to it, by name: the playlists and captions of an HLS folder.
    """

    source_type: str | None
    signed_by: str | None = None
    problems: tuple[str, ...] = ()
    trusted: bool | None = None
    models: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it is marked, and nothing was changed since it was signed."""
        return (self.source_type is not None or self.signed_by is not None) and not self.problems


def verify_file(path: Path, *, trust: Path | None = None) -> Marks:
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
    c2pa = signing.library()
    settings: dict[str, Any] = {"verify": {"verify_trust": trust is not None}}
    if trust is not None:
        settings["trust"] = {"trust_anchors": signing.read_pem(trust, "the issuers' certificates")}
    try:
        with path.open("rb") as file, c2pa.Reader("video/mp4", file, context=_context(c2pa, settings)) as reader:
            said = json.loads(reader.json())
    except c2pa.C2paError as error:
        return Marks(source_type, signed_by="unknown", problems=(signing.plain(error),))
    return _marks(source_type, said, asked=trust is not None)


def _marks(source_type: str | None, said: dict[str, Any], *, asked: bool) -> Marks:
    active = said.get("manifests", {}).get(said.get("active_manifest"), {})
    status = [(str(one.get("code")), str(one.get("explanation", ""))) for one in said.get("validation_status") or ()]
    assertions = {one.get("label"): one.get("data", {}) for one in active.get("assertions", ())}
    takes = assertions.get(TAKES, {}).get("takes", ())
    files = assertions.get(FILES, {}).get("files", {})
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
        files=tuple((str(name), str(digest)) for name, digest in files.items()),
    )


def packet() -> bytes:
    """The XMP as a box at the end of an ISO file."""
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool="{escape(f"Longtake {VERSION}")}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
    return (24 + len(packet)).to_bytes(4, "big") + b"uuid" + _XMP + packet


def signed_bytes(path: Path) -> int:
    """The bytes of the C2PA manifest in a file; 0 where there is none."""
    with path.open("rb") as file:
        return sum(length for head, _, length in _boxes(file, path.stat().st_size) if head[8:24] == _C2PA)


def _look(path: Path) -> tuple[str | None, bool]:
    """The source type in a file's XMP, and whether it holds a C2PA manifest. Only the top boxes' heads are read."""
    source_type, signed = None, False
    with path.open("rb") as file:
        for head, at, length in _boxes(file, path.stat().st_size):
            if head[8:24] == _XMP and length < _MOST_XMP:
                file.seek(at + 24)
                source_type = SOURCE_TYPE if SOURCE_TYPE.encode() in file.read(length - 24) else source_type
            signed = signed or head[8:24] == _C2PA
    return source_type, signed


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """The `uuid` boxes at the top of an ISO file: the first bytes of each, where it begins, and its length."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(32)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        length = length or size - at
        if length < 8:
            return
        if head[4:8] == b"uuid":
            yield head, at, length
        at += length


def _context(c2pa: Any, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - the library has no types
    return c2pa.Context(settings=c2pa.Settings.from_json(json.dumps(settings)))

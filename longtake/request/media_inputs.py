"""The media that a storyboard names: files are probed and digested here, URLs are only checked as text.

A file is opened once however many shots name it. Everything is checked against the catalog's rules for inputs
(provider-contract.md §4); what a URL serves is for the run to check.
"""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longtake.errors import MediaError
from longtake.request.limits import InputKind, allowed_text, misfit
from longtake.request.resolved import Input, Role
from longtake.storyboard import bare_url, listed, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.catalog import Catalog
    from longtake.media.streams.facts import Probe
    from longtake.request.findings import Findings
    from longtake.storyboard import FieldPath

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
"""Two letters or more before the colon: `C:` is a drive."""
LONGEST_URL = 4096


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Facts about one file or URL; width and height are 0 if unknown."""

    kind: InputKind | None
    source: Path | str
    name: str
    sha256: str | None = None
    bytes: int | None = None
    seconds: float | None = None
    format: str | None = None
    width: int = 0
    height: int = 0

    def as_input(self, role: Role) -> Input:
        """The input a request is given in this role."""
        return Input(role, self.source, self.name, self.sha256, self.bytes, self.seconds, self.format)


class MediaInputs:
    """Finds the media of a storyboard and notes their problems, once per place."""

    def __init__(self, catalog: Catalog, findings: Findings) -> None:
        self._rules = catalog.inputs
        self._findings = findings
        self._loaded = findings.loaded
        self._known: dict[tuple[FieldPath, bool], MediaFacts | None] = {}

    def reference(self, name: str) -> MediaFacts | None:
        """The media under a name of `references`; None when it is unknown or unusable, which is noted."""
        text = self._loaded.board.references.get(name)
        return self._at(("references", name), text, name, frame=False) if text is not None else None

    def frame(self, text: str, place: FieldPath) -> MediaFacts | None:
        """The image a shot pins, by the name of a reference, as a file or as a URL."""
        references = self._loaded.board.references
        named = text in references
        found = self._at(("references", text) if named else place, references.get(text, text), text, frame=True)
        if found is not None and found.kind not in ("image", None):
            self._findings.add(
                place, f"{quoted(found.name)} is not an image but {found.kind}", allowed_text("image", self._rules)
            )
            return None
        return found

    def music(self, text: str, place: FieldPath) -> MediaFacts | None:
        """The film's music: a local file with sound."""
        if SCHEME.match(text):
            self._findings.add(place, f"music is {quoted(bare_url(text))}", "a file, not a URL")
            return None
        facts = self._inspected(text, place)
        if facts is None:
            return None
        if facts.kind != "audio":
            self._findings.add(place, f"{quoted(text)} is not audio but {facts.kind}", "an audio file")
            return None
        return self._digested(text, place, facts)

    def _at(self, place: FieldPath, text: str, name: str, *, frame: bool) -> MediaFacts | None:
        key = (place, frame)
        if key not in self._known:
            if SCHEME.match(text):
                self._known[key] = self._url(text, place, name, frame=frame)
            else:
                facts = self._inspected(text, place)
                fits = facts is not None and self._fits(facts, text, place)
                self._known[key] = self._digested(text, place, facts, name) if facts is not None and fits else None
        return self._known[key]

    def _url(self, text: str, place: FieldPath, name: str, *, frame: bool) -> MediaFacts | None:
        shown = bare_url(text)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme.lower() not in ("http", "https") or not host or port == 0:
            self._findings.add(place, f"{quoted(shown)} is not an http(s) URL", "a file or an http(s) URL")
            return None
        if parts.username is not None or parts.password is not None:
            self._findings.add(place, f"the URL on {host} holds a user name or password", "a URL without them")
            return None
        if len(text) > LONGEST_URL or re.search(r"[\s\\<>\"]", text):
            self._findings.add(
                place, f"the URL on {host} cannot be sent", "a URL without spaces, up to 4096 characters"
            )
            return None
        kind = self._rules.kind_of_name(parts.path)
        if kind is None and not frame:
            endings = (*self._rules.image.extensions, *self._rules.video.extensions, *self._rules.audio.extensions)
            allowed = f"a path that ends in {', '.join(dict.fromkeys(endings))}"
            self._findings.add(place, f"{quoted(shown)} does not say whether it is an image, a video or audio", allowed)
            return None
        return MediaFacts(kind, text, shown if name == text else name)

    def _inspected(self, text: str, place: FieldPath) -> Probe | None:
        from longtake.media import inspect  # noqa: PLC0415 - loads PyAV, which a board without files does not need

        path = self._loaded.path(text)
        if self._loaded.outside(text):
            folder = "a file inside the folder that storyboards are confined to"
            self._findings.add(place, f"{quoted(text)} lies outside the folder", folder)
            return None
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                self._findings.add(place, f"{quoted(text)} is not a regular file", self._place_text(text))
                return None
            return inspect(path)
        except MediaError as error:
            self._findings.add(place, f"{quoted(text)} cannot be used: {error.message}", self._any_text())
        except (OSError, ValueError) as error:
            said = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
            self._findings.add(place, f"{quoted(text)} cannot be read: {said}", self._place_text(text))
        return None

    def _fits(self, facts: Probe, text: str, place: FieldPath) -> bool:
        wrong = misfit(facts, self._rules)
        if wrong is not None:
            self._findings.add(place, f"{quoted(text)} {wrong.message}", wrong.allowed)
        return wrong is None

    def _digested(self, text: str, place: FieldPath, facts: Probe, name: str | None = None) -> MediaFacts | None:
        path = self._loaded.path(text)
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            self._findings.add(place, f"{quoted(text)} cannot be read: {error.strerror}", self._place_text(text))
            return None
        seconds = None if facts.kind == "image" else float(facts.seconds)
        known = (digest, facts.bytes, seconds, facts.format, facts.width, facts.height)
        return MediaFacts(facts.kind, path, name or text, *known)

    def _any_text(self) -> str:
        return "; ".join(allowed_text(kind, self._rules) for kind in ("image", "video", "audio"))

    def _place_text(self, text: str) -> str:
        """A word without a dot or a slash was probably meant as a reference's name."""
        files = "a file relative to the storyboard, or an http(s) URL"
        names = self._loaded.board.references
        return files if re.search(r"[./\\]", text) or not names else f"{files}, or one of {listed(names, text)}"

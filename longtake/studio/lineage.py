"""OpenLineage events of films, where `LONGTAKE_OPENLINEAGE` asks for them: START, then COMPLETE, FAIL or ABORT.

A film is a job, a run of it is a run. Inputs are the files and URLs that the storyboard names, and kept takes; outputs are the
takes that the run bought, and the film, whose dataset has the digest of its timeline as version.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from longtake.errors import SettingsError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from longtake.request import Resolved
    from longtake.studio.film import Film
    from longtake.take import Session

_log = logging.getLogger("longtake.studio")

_PRODUCER = f"https://github.com/longtake/longtake/tree/v{VERSION}"
_PATIENCE = 10.0
"""Seconds for one event; a backend that is away costs no film."""


@contextlib.asynccontextmanager
async def reported(session: Session, resolved: Resolved) -> AsyncIterator[list[Film]]:
    """Report a run of a film. The body makes the film and appends it, whole or not, to the list.

    Raises:
        SettingsError: the settings ask for it, and the extra `openlineage` is not installed.
    """
    made: list[Film] = []
    if session.settings.openlineage == "off":
        yield made
        return
    report = _Report(session, resolved)
    await report.send("START", made)
    try:
        yield made
    except asyncio.CancelledError:
        await report.send("ABORT", made)
        raise
    except BaseException:
        await report.send("FAIL", made)
        raise
    await report.send("COMPLETE", made)


class _Report:
    def __init__(self, session: Session, resolved: Resolved) -> None:
        try:
            self._ol = importlib.import_module("openlineage.client.event_v2")
            self._client = importlib.import_module("openlineage.client").OpenLineageClient()
            self._version = importlib.import_module("openlineage.client.facet_v2").dataset_version_dataset
        except ImportError:
            raise SettingsError(
                "LONGTAKE_OPENLINEAGE is on, and OpenLineage's client is not installed",
                next_step="install `longtake[openlineage]`, or unset LONGTAKE_OPENLINEAGE",
            ) from None
        self._film, self._store = session.film, session.store.uri
        self._run = _run_id(session)
        self._inputs = {_of_source(one.source) for shot in resolved.shots for one in shot.inputs}

    async def send(self, state: str, made: list[Film]) -> None:
        """Send one event; an error is logged."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.to_thread(self._client.emit, self._event(state, made))
        except Exception as error:  # noqa: BLE001 - watching must not cost a film
            _log.warning("lineage was not sent: %s", type(error).__name__)

    def _event(self, state: str, made: list[Film]) -> Any:  # noqa: ANN401 - of a package that may be absent
        takes = [(shot.state, take) for film in made for shot in film.shots.values() for take in shot.takes]
        kept = {self._of_key(take.clip.key) for state, take in takes if state != "bought"}
        bought = {self._of_key(take.clip.key) for state, take in takes if state == "bought"}
        outputs = [self._ol.OutputDataset(*name) for name in sorted(bought)]
        for place in (film.place for film in made if film.place is not None):
            namespace, name = _of_source(place if "://" in place else Path(place))
            folder, _, digest = name.removesuffix("/film.mp4").rpartition("/")
            version = {"version": self._version.DatasetVersionDatasetFacet(digest)}
            outputs.append(self._ol.OutputDataset(namespace, folder, facets=version))
        return self._ol.RunEvent(
            eventTime=datetime.now(UTC).isoformat(),
            eventType=getattr(self._ol.RunState, state),
            producer=_PRODUCER,
            run=self._ol.Run(self._run),
            # The client does not apply this variable to jobs itself.
            job=self._ol.Job(os.environ.get("OPENLINEAGE_NAMESPACE", "longtake"), self._film),
            inputs=[self._ol.InputDataset(*name) for name in sorted(self._inputs | kept)],
            outputs=outputs,
        )

    def _of_key(self, key: str) -> tuple[str, str]:
        return _of_source(f"{self._store.rstrip('/')}/{key}")


def _run_id(session: Session) -> str:
    """The run's id, which is Prefect's there; films of a set share a run, and each needs an id of its own."""
    try:
        run = uuid.UUID(session.run)
    except ValueError:
        run = uuid.uuid5(uuid.NAMESPACE_URL, session.run)
    return str(uuid.uuid5(run, session.film) if session.spending.tag.name else run)


def _of_source(source: Path | str) -> tuple[str, str]:
    """The namespace and the name of a file or an object in OpenLineage. A query, which may hold a signature, is left out."""
    if isinstance(source, Path):
        return "file", str(source.absolute())
    parts = urlsplit(source)
    if parts.scheme == "file":
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.lstrip("/")

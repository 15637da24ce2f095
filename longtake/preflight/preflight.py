"""The whole preflight of a run, in the order in which failures are cheapest to find."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake.preflight.disk import Spool, check_disk, estimate
from longtake.preflight.rehearsal import check_media
from longtake.preflight.result import Checked
from longtake.preflight.roundtrip import check_store
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Collection

    from longtake.catalog import Catalog
    from longtake.plan import Plan
    from longtake.request import Resolved
    from longtake.store import Store

_log = logging.getLogger("longtake.preflight")


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was checked, and with which versions. Only a preflight that passed exists."""

    checks: tuple[Checked, ...]

    @property
    def versions(self) -> dict[str, str]:
        """Versions by name: `longtake`, `av`, `ffmpeg`, `catalog` (its date)."""
        return {"longtake": VERSION} | dict(pair for one in self.checks for pair in one.versions)

    def __str__(self) -> str:
        return "; ".join(one.text for one in self.checks)


def check(
    store: Store,
    *,
    catalog: Catalog,
    resolved: Resolved | None = None,
    plan: Plan | None = None,
    only: Collection[str] | None = None,
) -> Preflight:
    """Try out everything that a run needs after its first paid request.

    Under 0.5 s of CPU, and six small requests where the store is a bucket; the media part is paid once in a process.

    Args:
        store: the run's.
        catalog: the run's.
        resolved: the film; None checks what every film needs.
        plan: what is to be bought of it: with it and `resolved`, the disk is held against what this run writes.
        only: ids of the shots this run makes, if another run joins the film.

    Raises:
        PreflightError: something does not work; nothing was sent.
        CatalogError: the film names a model that the catalog does not have.
        SettingsError: the store has no usable credentials.
    """
    spool = Spool()
    if resolved is not None and plan is not None:
        spool = estimate(resolved, plan, catalog=catalog, local=store.path("probe") is not None, only=only)
    passed = Preflight(
        (check_catalog(catalog, resolved), check_disk(store, spool), check_media(resolved), check_store(store))
    )
    _log.info("preflight passed: %s", passed)
    return passed


def check_catalog(catalog: Catalog, resolved: Resolved | None = None) -> Checked:
    """See that the catalog has a model and a price for each shot.

    Raises:
        CatalogError: it has not.
    """
    for shot in resolved.shots if resolved is not None else ():
        catalog.reserve(shot.model, resolution=shot.resolution, seconds=shot.duration)
    text = f"{len(catalog.models)} models, as of {catalog.as_of}"
    return Checked("catalog", text, (("catalog", str(catalog.as_of)),))


def needed(plan: Plan, only: Collection[str] | None = None) -> bool:
    """Whether a run has something to lose: it buys a take, keeps one in flight, or joins the film.

    Args:
        plan: what the run would do.
        only: ids of the shots this run makes, if another run joins the film.
    """
    rows = [row for row in plan.shots if only is None or row.id in only]
    return any(row.to_buy or row.attempt is not None for row in rows) or (only is None and plan.joined == "to join")

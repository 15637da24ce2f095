"""The provider's rules for one request (provider-contract.md §4), as the catalog has them, checked before sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.errors import CatalogError
from longtake.storyboard import quoted

if TYPE_CHECKING:
    from longtake.catalog import Catalog, Price
    from longtake.request.findings import Findings
    from longtake.request.shot_draft import ShotDraft


def check(wanted: ShotDraft, found: Findings, *, parent_id: str | None) -> None:
    """Record everything in this request that the provider would refuse."""
    _values(wanted, found)
    _prompt(wanted, found)
    _frames(wanted, found, parent_id)
    _references(wanted, found)


def prices(wanted: ShotDraft, catalog: Catalog, found: Findings) -> tuple[Price, Price] | None:
    """Price one attempt: what it should cost and what it may debit at submit; None if no price is known, which is recorded.

    Where the model chooses the length the longest is expected. Clips behind URLs count as long as clips may be together.
    """
    rule = wanted.model.media.video
    clips = wanted.of_kind("video")
    source = sum(clip.seconds or 0.0 for clip in clips)
    if any(clip.seconds is None for clip in clips):
        source = max(source, rule.together or 0.0)
    resolution, seconds = wanted.values["resolution"], wanted.values["duration"]
    asked = {"resolution": resolution, "source_seconds": source}
    try:
        reserve = catalog.reserve(wanted.model.id, seconds=seconds, **asked)
        expected = catalog.price(wanted.model.id, seconds=catalog.seconds_at_most(seconds), **asked)
    except CatalogError as error:
        if wanted.model.duration.allows(seconds) and resolution in wanted.model.resolution.values:
            rates = wanted.model.rates.items()
            known = [name for name, rate in rates if not clips or rate.usd_with_video is not None]
            found.add(wanted.blamed("resolution"), error.message, ", ".join(known) or "a catalog with a rate for it")
        return None
    return expected, reserve


def _values(wanted: ShotDraft, found: Findings) -> None:
    model, values = wanted.model, wanted.values
    if not model.duration.allows(values["duration"]):
        message = f"duration is {values['duration']}"
        found.add(wanted.blamed("duration"), message, f"{model.duration.allowed} (seconds, {model.id})")
    for name, choice in (("resolution", model.resolution), ("size", model.size)):
        if values[name] not in choice.values:
            allowed = f"{', '.join(choice.values)} ({model.id})"
            found.add(wanted.blamed(name), f"{name} is {quoted(values[name])}", allowed)
    if values["seed"] is not None and model.fields.seed is None:
        found.add(wanted.blamed("seed"), f"{model.id} takes no seed", "no seed with this model")
    if values["web_search"] and model.fields.web_search is None:
        found.add(wanted.blamed("web_search"), f"{model.id} offers no web search", "web_search: false")


def _prompt(wanted: ShotDraft, found: Findings) -> None:
    rule, place = wanted.model.prompt, (*wanted.place, "prompt")
    allowed = f"{rule.min} to {rule.max} characters ({wanted.model.id})"
    text = wanted.prompt.strip()
    if text:
        if not rule.min <= len(wanted.prompt) <= rule.max:
            found.add(place, f"the prompt has {len(wanted.prompt)} characters", allowed)
    elif not rule.optional_with_media:
        found.add(place, "there is no prompt", allowed)
    elif not (wanted.framed or wanted.shot.references or found.loaded.is_broken((*wanted.place, "references"))):
        found.add(place, "there is no prompt, and no reference instead of one", allowed)


def _frames(wanted: ShotDraft, found: Findings, parent_id: str | None) -> None:
    shot, place = wanted.shot, wanted.place
    if parent_id is not None and shot.first_frame is not None:
        message = f"this shot continues {parent_id}, so it cannot start from first_frame too"
        found.add((*place, "first_frame"), message, "continue_from: null with first_frame, or no first_frame")
    if shot.references and wanted.framed and wanted.model.media.frames_exclude_references:
        names = ", ".join(shot.references)
        if parent_id is not None:
            message = f"this shot continues {parent_id} and carries references ({names}), the provider takes only one"
            allowed = "continue_from: null with references, or no references"
        else:
            message = f"this shot pins a frame and carries references ({names}), the provider takes only one"
            allowed = "first_frame and last_frame, or references"
        found.add((*place, "references"), message, allowed)
    starts = parent_id is not None or shot.first_frame is not None
    unsure = any(found.loaded.is_broken((*place, key)) for key in ("first_frame", "continue_from"))
    if shot.last_frame is not None and not starts and not unsure and wanted.model.media.last_frame_needs_first:
        message = "last_frame is given without a first frame"
        found.add((*place, "last_frame"), message, "last_frame with first_frame, or in a shot that continues another")


def _references(wanted: ShotDraft, found: Findings) -> None:
    place, model = (*wanted.place, "references"), wanted.model
    for kind, rule in (("image", model.media.image), ("video", model.media.video), ("audio", model.media.audio)):
        media = wanted.of_kind(kind)
        if not media:
            continue
        most = rule.count if getattr(model.fields, kind) is not None else 0
        if len(media) > most:
            found.add(place, f"there are {len(media)} {kind} references", f"up to {most} ({model.id})")
        together = sum(one.seconds or 0.0 for one in media)
        if rule.together is not None and together > rule.together:
            message = f"the {kind} references are {together:.2f} seconds long together"
            found.add(place, message, f"up to {rule.together:g} seconds ({model.id})")
        for one in media:
            if rule.each and one.seconds is not None and not rule.each.min <= one.seconds <= rule.each.max:
                message = f"{one.name} is {one.seconds:.2f} seconds long"
                found.add(place, message, f"{rule.each.min:g} to {rule.each.max:g} seconds ({model.id})")
        if rule.needs_picture and not (wanted.of_kind("image") or wanted.of_kind("video") or _unjudged(wanted)):
            message = f"{model.id} takes audio only with an image or a video"
            found.add(place, message, "audio with an image or a video reference")


def _unjudged(wanted: ShotDraft) -> bool:
    """Whether some reference could not be read, so that its kind is unknown."""
    return len(wanted.references) < len(wanted.shot.references)

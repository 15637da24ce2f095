"""A shot while it is resolved: its values, and the place of each in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from longtake.errors import CatalogError
from longtake.request.prompts import translated
from longtake.storyboard import listed, quoted

if TYPE_CHECKING:
    from longtake.catalog import Catalog, Model
    from longtake.request.findings import Findings
    from longtake.request.media_inputs import MediaFacts, MediaInputs
    from longtake.request.resolved import Input
    from longtake.storyboard import FieldPath, Scene, Shot, Transition


@dataclass(slots=True)
class ShotDraft:
    """One shot with its model and media found; a broken rule is recorded, not raised."""

    place: FieldPath
    scene: Scene
    shot: Shot
    model: Model
    model_place: FieldPath
    values: dict[str, Any]
    said_at: dict[str, FieldPath]
    """Where a value was said: in the shot, or in the defaults."""
    parent: int | None
    """Position of the shot it continues."""
    prompt: str = ""
    references: list[MediaFacts] = field(default_factory=list)
    first_frame: MediaFacts | None = None
    last_frame: MediaFacts | None = None

    @property
    def framed(self) -> bool:
        """Whether a frame is pinned, given or continued."""
        return self.parent is not None or self.shot.first_frame is not None or self.shot.last_frame is not None

    @property
    def transition(self) -> Transition | None:
        """How it follows the shot before it: its own, or as the first of a scene the scene's."""
        return self.shot.transition or (self.scene.transition if self.place[3] == 0 else None)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The media in the order they are sent: references as listed, then the first and the last frame."""
        inputs = [media.as_input(media.kind) for media in self.references if media.kind is not None]
        if self.first_frame is not None:
            inputs.append(self.first_frame.as_input("first_frame"))
        if self.last_frame is not None:
            inputs.append(self.last_frame.as_input("last_frame"))
        return tuple(inputs)

    def blamed(self, name: str) -> FieldPath:
        """The place to blame when a value does not fit the model: the shot's own value or model, if it has one."""
        said = self.said_at.get(name, self.model_place)
        own = len(self.place)
        return self.model_place if said[:own] != self.place and self.model_place[:own] == self.place else said

    def of_kind(self, kind: str) -> list[MediaFacts]:
        """The references of a kind, in order."""
        return [media for media in self.references if media.kind == kind]


def draft_shot(
    place: FieldPath,
    scene: Scene,
    shot: Shot,
    *,
    parent: int | None,
    catalog: Catalog,
    media: MediaInputs,
    found: Findings,
) -> ShotDraft | None:
    """The shot with its values settled and its media found; None when its model is not known, which is noted."""
    board = found.loaded.board
    model_place = (*place, "model") if shot.model is not None else ("model",)
    references = [media.reference(name) for name in shot.references]
    first = media.frame(shot.first_frame, (*place, "first_frame")) if shot.first_frame is not None else None
    last = media.frame(shot.last_frame, (*place, "last_frame")) if shot.last_frame is not None else None
    model_id = shot.model or board.model
    if model_id is None:
        if not (found.loaded.is_broken((*place, "model")) or found.loaded.is_broken(("model",))):
            found.add((*place, "model"), "this shot has no model", listed(catalog.models))
        return None
    try:
        model = catalog.model(model_id)
    except CatalogError:
        near = catalog.nearest(model_id)
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        message = f"the model {quoted(model_id)} is not in the catalog{hint}"
        found.add(model_place, message, listed(catalog.models, model_id))
        return None
    values: dict[str, Any] = {
        "duration": model.duration.default,
        "size": model.size.default,
        "resolution": model.resolution.default,
        "generate_audio": model.generate_audio,
        "seed": None,
        "web_search": False,
    }
    said_at: dict[str, FieldPath] = {}
    for name in values:
        for holder, at in ((shot, (*place, name)), (board.defaults, ("defaults", name))):
            value = getattr(holder, name)
            if value is not None:
                values[name], said_at[name] = value, at
                break
    wanted = ShotDraft(place, scene, shot, model, model_place, values, said_at, parent)
    wanted.references = [reference for reference in references if reference is not None]
    wanted.first_frame, wanted.last_frame = first, last
    wanted.prompt = _prompt(wanted, dict(zip(shot.references, references, strict=True)), found)
    return wanted


def _prompt(wanted: ShotDraft, references: dict[str, MediaFacts | None], found: Findings) -> str:
    """The prompt in the provider's words; references that could not be used keep their name, they are noted elsewhere."""
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    for name, media in references.items():
        if media is None or media.kind is None:
            names[name] = f"@{name}"
            continue
        counts[media.kind] = counts.get(media.kind, 0) + 1
        names[name] = str(getattr(wanted.model.mentions, media.kind)).replace("{n}", str(counts[media.kind]))
    prompt, unknown = translated(wanted.shot.prompt, names)
    if not found.loaded.is_broken((*wanted.place, "references")):
        for name in unknown:
            allowed = ", ".join(f"@{one}" for one in names) or "no @ names, for this shot has no references"
            message = f"the prompt names @{name[:64]}, which is not among the shot's references"
            found.add((*wanted.place, "prompt"), message, f"{allowed}; @@ for a plain @")
    return prompt

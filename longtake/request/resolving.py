"""Turn a storyboard and a catalog into requests, or report every problem, before anything is sent."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from longtake.catalog import ADAPTIVE
from longtake.media.concat.model import JoinTrim
from longtake.request import rules
from longtake.request.findings import Findings
from longtake.request.media_inputs import MediaInputs
from longtake.request.resolved import Resolved, ResolvedShot
from longtake.request.shot_draft import ShotDraft, draft_shot
from longtake.storyboard import cycles, parents, places
from longtake.storyboard.chains import parents_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtake.catalog import Catalog, Price
    from longtake.storyboard import Loaded

RATIO_TOLERANCE = 0.02
"""How far an image's sides may be from a ratio and still be taken for it; the provider's own sizes are up to 1.6 % off."""


def resolve(loaded: Loaded, catalog: Catalog) -> Resolved:
    """Resolve every shot: defaults, names in prompts, inputs (files are read), chains, rules and prices.

    Give it the result of `storyboard.draft` and a person sees the mistakes of the file and of what it asks for at once.

    Raises:
        StoryboardError: there are problems; it holds all of them in the order of lines.
    """
    found = Findings(loaded)
    media = MediaInputs(catalog, found)
    board = loaded.board
    shots = list(places(board))
    parent_of = parents(board)
    for ring in cycles(parent_of):
        parent_of[ring[0]] = None
    wanted: list[ShotDraft | None] = []
    cost: list[tuple[Price, Price] | None] = []
    for position, (place, shot) in enumerate(shots):
        one: ShotDraft | None = None
        if not loaded.is_broken(place):
            scene = board.scenes[int(place[1])]
            parent = parent_of[position]
            one = draft_shot(place, scene, shot, parent=parent, catalog=catalog, media=media, found=found)
            if one is not None:
                rules.check(one, found, parent_id=shots[parent][1].id if parent is not None else None)
        wanted.append(one)
        cost.append(rules.prices(one, catalog, found) if one is not None else None)
    rate = Fraction(catalog.frames.per_second)
    trims = [trim.frames(rate) if one and (trim := _trim(one)) else (0, 0) for one in wanted]
    overlaps = _overlaps(wanted, trims, catalog, found)
    music = None
    if board.sound is not None and board.sound.music is not None:
        heard = media.music(board.sound.music, ("sound", "music"))
        music = heard.as_input("audio") if heard is not None else None
    found.raise_all()
    sure = [(one, price) for one, price in zip(wanted, cost, strict=True) if one is not None and price is not None]
    order = parents_first(dict(enumerate(parent_of)))
    drafts = [one for one, _ in sure]
    ratios = _ratios(drafts, order)
    resolved = tuple(
        _resolved(position, one, price, ratio=ratios[position], parent_of=parent_of, shots=drafts, found=found)
        for position, (one, price) in enumerate(sure)
    )
    longest = (catalog.frames.count(catalog.seconds_at_most(shot.duration)) for shot in resolved)
    frames = sum(longest) - overlaps - sum(map(sum, trims)) - _shown_once(wanted, trims, parent_of)
    chains = _chains(parent_of, order)
    ids = tuple(tuple(resolved[position].id for position in chain) for chain in chains)
    return Resolved(loaded, resolved, ids, frames, frames / catalog.frames.per_second, music)


def _resolved(
    position: int,
    one: ShotDraft,
    price: tuple[Price, Price],
    *,
    ratio: str | None,
    parent_of: Sequence[int | None],
    shots: Sequence[ShotDraft],
    found: Findings,
) -> ResolvedShot:
    values, model, parent = one.values, one.model, parent_of[position]
    return ResolvedShot(
        scene=one.scene.id,
        id=one.shot.id,
        line=found.loaded.line(one.place),
        model=model.id,
        prompt=one.prompt,
        duration=values["duration"],
        size=values["size"],
        sent_size=model.sent_size(values["size"], framed=one.framed),
        resolution=values["resolution"],
        seed=values["seed"],
        generate_audio=values["generate_audio"],
        web_search=values["web_search"],
        inputs=one.inputs,
        parent=shots[parent].shot.id if parent is not None else None,
        continued=position in parent_of,
        takes=one.shot.takes,
        transition=one.transition,
        caption=one.shot.caption,
        trim=_trim(one),
        match=found.loaded.board.match,
        expected=price[0],
        reserve=price[1],
        pixels=model.pixels_or_none(ratio, values["resolution"]) if ratio is not None else None,
        extras=tuple(sorted(model.with_video.items())) if one.of_kind("video") else (),
        open_end=_open_end(one),
        use=one.shot.use,
        pick=one.shot.pick,
    )


def _open_end(one: ShotDraft) -> str | None:
    """Say why the request cannot pin the end of this shot (provider-contract.md §4); None if it can."""
    if one.shot.last_frame is not None:
        return "the storyboard pins its last frame already"
    if one.parent is None and one.shot.first_frame is None:
        # A frame would also change what else may be sent (references, size), so it is left as it is in any case.
        return "it starts fresh, and the provider takes a last frame only with a first one"
    return None


def _trim(one: ShotDraft) -> JoinTrim | None:
    """What the film leaves out of a shot; None for nothing."""
    said = one.shot.trim
    return JoinTrim(said.head, said.tail) if said is not None and (said.head or said.tail) else None


def _overlaps(
    wanted: Sequence[ShotDraft | None], trims: Sequence[tuple[int, int]], catalog: Catalog, found: Findings
) -> int:
    """Frames that crossfades take off the film; trims and crossfades that eat up a shot are noted."""
    total = 0
    taken: dict[int, float] = {position: sum(trim) / catalog.frames.per_second for position, trim in enumerate(trims)}
    for position, one in enumerate(wanted):
        if one is None or not taken[position]:
            continue
        length = max(one.values["duration"], one.model.duration.min)
        if taken[position] >= length:
            message = f"the trim of shot {one.shot.id} takes all of its {length} seconds"
            found.add((*one.place, "trim"), message, "a trim shorter than the shot")
            taken[position] = 0.0
    for position, one in enumerate(wanted):
        seconds = _crossfade(one) if position and one is not None else None
        if one is None or seconds is None:
            continue
        total += round(seconds * catalog.frames.per_second)
        for neighbor in (position - 1, position):
            other = wanted[neighbor]
            if other is None:
                continue
            length = max(other.values["duration"], other.model.duration.min)
            taken[neighbor] = taken.get(neighbor, 0.0) + seconds
            if taken[neighbor] >= length:
                both = "trim and crossfades" if sum(trims[neighbor]) else "crossfades"
                message = f"the {both} of shot {other.shot.id} take all of its {length} seconds"
                place = one.place if one.shot.transition is not None else one.place[:2]
                found.add((*place, "transition", "seconds"), message, "crossfades shorter than the shots they join")
    return total


def _crossfade(one: ShotDraft) -> float | None:
    """Seconds of the crossfade into a shot; None where it follows by a cut."""
    return one.transition.seconds if one.transition is not None else None


def _shown_once(
    wanted: Sequence[ShotDraft | None], trims: Sequence[tuple[int, int]], parent_of: Sequence[int | None]
) -> int:
    """Frames that two clips share: a shot begins with the last frame of the one it continues, where that comes just before it.

    A trim that cuts off one of the two leaves nothing to show twice.
    """
    return sum(
        parent == position - 1 and _crossfade(one) is None and not (trims[parent][1] or trims[position][0])
        for position, (one, parent) in enumerate(zip(wanted, parent_of, strict=True))
        if one is not None and parent is not None
    )


def _chains(parent_of: Sequence[int | None], order: Sequence[int]) -> list[list[int]]:
    """Shots that hang together, parents first; the chains in the order of their earliest shot in the film."""
    root_of: dict[int, int] = {}
    chains: dict[int, list[int]] = {}
    for position in order:
        parent = parent_of[position]
        root = position if parent is None else root_of[parent]
        root_of[position] = root
        chains.setdefault(root, []).append(position)
    return sorted(chains.values(), key=min)


def _ratios(shots: Sequence[ShotDraft], order: Sequence[int]) -> list[str | None]:
    """The ratio of each clip: the one in the request, or for `adaptive` the ratio of its first frame, if known."""
    ratios: list[str | None] = [None] * len(shots)
    for position in order:
        one = shots[position]
        sent = one.model.sent_size(one.values["size"], framed=one.framed)
        if sent != ADAPTIVE:
            ratios[position] = sent
        elif one.parent is not None:
            ratios[position] = ratios[one.parent]
        elif one.first_frame is not None and one.first_frame.height:
            sides = one.first_frame.width / one.first_frame.height
            ratios[position] = next((name for name in one.model.size.values if _near(name, sides)), None)
    return ratios


def _near(ratio: str, sides: float) -> bool:
    width, colon, height = ratio.partition(":")
    if not (colon and width.isdigit() and height.isdigit() and int(height)):
        return False
    return abs(int(width) / int(height) / sides - 1) <= RATIO_TOLERANCE

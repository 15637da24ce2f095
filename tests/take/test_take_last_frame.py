"""The last frame of a finished task is recorded and handed on before its clip is kept; the record counts, whatever comes after."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from shooting import BOARD, shoot

from longtake import housekeeping, library, media
from longtake import plan as plans
from longtake.errors import StoreError
from longtake.observer import Observer
from longtake.studio.comparison import compare
from longtake.studio.leaving import keep_left_over
from longtake.studio.shooting import shoot as shoot_all
from longtake.take import decide, ledger_of

THREE = BOARD + '      - {id: three, prompt: "The open sea"}\n'


class Held(Observer):
    """Holds the ingest of the first shot until the second is bought, and then does something."""

    def __init__(self, then=lambda: None, after=lambda: None) -> None:
        self.bought = asyncio.Event()
        self.then, self.after = then, after

    def notify(self, event):
        if event.name == "attempt.accepted" and event.data["shot"].startswith("s/two"):
            self.bought.set()

    async def around(self, step, call):
        if step.name != "ingest" or not step.label.startswith("s/one"):
            return await call()
        await self.bought.wait()
        self.then()
        try:
            return await call()
        finally:
            self.after()


def made(studio, text=THREE, *, observer=None, settings=None, **options):
    async def work():
        async with studio.session(**(settings or {})) as session:
            if observer is not None:
                session.events.observer = observer
            return {one.shot.id: one for one in await shoot(session, studio.resolved(text), **options)}

    return asyncio.run(work())


def crashed(studio, text=THREE):
    """The first clip is not kept, its frame is recorded, and the second shot is bought from it."""

    async def work():
        async with studio.session() as session:
            stop = asyncio.Event()
            session.events.observer = Held(then=stop.set)

            async def hold(step, call, around=session.events.observer.around):
                if step.name == "ingest":
                    await session.events.observer.bought.wait()
                    stop.set()
                    await asyncio.Event().wait()
                return await around(step, call)

            session.events.observer.around = hold
            run = asyncio.create_task(shoot(session, studio.resolved(text)))
            await stop.wait()
            run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await run

    asyncio.run(work())
    (key,) = studio.store.list("frames/")
    return key


def plan_of(studio, text=THREE, **options):
    return plans.make(
        studio.resolved(text),
        catalog=studio.catalog,
        store=studio.store,
        settings=studio.settings,
        film="two-takes",
        **options,
    )


def planned(studio, text=THREE, **options):
    return {row.id: row for row in plan_of(studio, text, **options).shots}


def state(studio):
    return ledger_of(studio.settings, studio.store).read()


def test_the_next_shot_is_bought_before_the_clip_before_it_is_kept(studio) -> None:
    takes = made(studio, observer=Held())
    assert [one.state for one in takes.values()] == ["bought"] * 3
    assert [takes["two"].take.frame, takes["three"].take.frame] == [
        takes["one"].take.last_frame.sha256,
        takes["two"].take.last_frame.sha256,
    ]
    assert takes["three"].take.anchor == takes["one"].take.tone
    assert studio.posts() == 3


def test_a_take_whose_frame_is_handed_on_is_not_in_flight_any_more(studio) -> None:
    takes = made(studio, observer=Held(), settings={"max_in_flight": 1})
    assert [one.state for one in takes.values()] == ["bought"] * 3


def test_without_a_frame_of_the_provider_the_clips_own_is_handed_on(studio, tmp_path) -> None:
    studio.faults({"where": "submit", "what": "no-last-frame"})
    takes = made(studio)
    assert takes["one"].take.last_frame.source == "clip"
    media.last_frame(studio.store.path(takes["one"].take.clip.key), tmp_path / "true.png")
    assert (tmp_path / "true.png").read_bytes() == studio.store.get(takes["one"].take.last_frame.key)
    assert takes["two"].take.frame == takes["one"].take.last_frame.sha256


def test_a_plan_between_frame_and_clip_buys_nothing_twice(studio) -> None:
    crashed(studio)
    rows = planned(studio)
    assert [(row.state, row.to_buy) for row in rows.values()] == [("under way", 0), ("under way", 0), ("blocked", 1)]
    takes = made(studio)
    assert [one.state for one in takes.values()] == ["bought"] * 3
    assert studio.posts() == 3
    assert studio.books()["balance"] == 50_000 - sum(one.take.credits for one in takes.values())


def test_the_recorded_frame_counts_though_the_provider_serves_another(studio, tmp_path) -> None:
    path = studio.folder / crashed(studio)
    said = json.loads(path.read_text())
    (studio.folder / said["key"]).rename(studio.folder / f"media/{'0' * 64}.png")
    other = {**said, "sha256": "0" * 64, "key": f"media/{'0' * 64}.png"}
    path.write_text(json.dumps(other))
    take = made(studio)["one"].take
    assert take.last_frame.sha256 == "0" * 64
    assert json.loads(path.read_text()) == other, "the record is written once"


def test_a_record_of_another_ledgers_attempt_is_not_used(studio) -> None:
    path = studio.folder / crashed(studio)
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "task_id": "task_of_another_ledger", "sha256": "0" * 64}))
    takes = made(studio)
    assert takes["one"].take.last_frame.sha256 == said["sha256"]
    assert studio.posts() == 3


def test_a_damaged_record_is_named(studio) -> None:
    key = crashed(studio)
    (studio.folder / key).write_text("{")
    with pytest.raises(StoreError, match=key):
        planned(studio)


def test_equal_attempts_of_two_accounts_have_their_own_frames(make_studio) -> None:
    studio = make_studio(keys=("key-of-the-take-tests", "another-key"))
    first = crashed(studio)
    key = type(studio.settings.api_key)("another-key")
    other = replace(studio, settings=studio.settings.model_copy(update={"api_key": key}))
    text = THREE.replace("A harbor", "A pier").replace("A boat", "A ship").replace("The open", "The wide")

    async def work():
        async with other.session() as session:
            session.events.observer = Held()
            return await shoot(session, other.resolved(text))

    takes = {one.shot.id: one for one in asyncio.run(work())}
    keys = list(studio.store.list("frames/"))
    assert len({key.rpartition("/")[2] for key in keys}) < len(keys), "the same ids of attempts"
    mine = library.read_last_frames(studio.store, {first.split("/")[1]: state(studio)})
    theirs = library.read_last_frames(studio.store, {other_account(other): state(other)})
    assert len(mine) == 1
    assert not theirs, "what is kept needs no record"
    assert takes["two"].take.frame == takes["one"].take.last_frame.sha256
    assert [one.state for one in made(studio).values()] == ["bought"] * 3


def other_account(studio):
    return ledger_of(studio.settings, studio.store).account


def failing(studio):
    """A run in which the first clip is not one, seen when the second shot is bought already."""
    html = {"where": "media", "what": "html"}
    return made(studio, observer=Held(then=lambda: studio.faults(html), after=studio.faults))


def test_a_clip_that_fails_after_its_frame_was_handed_on_costs_nothing_twice(studio) -> None:
    takes = failing(studio)
    assert [one.state for one in takes.values()] == ["failed", "bought", "blocked"]
    assert studio.posts() == 2, "nothing is bought behind what was bought from the frame"
    assert [row.state for row in planned(studio).values()] == ["under way", "current", "missing"]
    again = made(studio)
    assert [one.state for one in again.values()] == ["bought", "current", "bought"]
    assert again["two"].take == takes["two"].take
    assert studio.posts() == 3


def test_a_take_bought_from_a_frame_is_not_left_over_while_the_clip_before_it_is_not_kept(studio) -> None:
    """Both clips fail, and then the provider serves them: the second is kept as the take it was bought as."""
    html = {"where": "media", "what": "html"}

    async def work():
        async with studio.session() as session:
            session.events.observer = Held(then=lambda: studio.faults(html))
            comparison, _ = await compare(session, studio.resolved(THREE), None)
            done = await shoot_all(session, comparison.running())
            studio.faults()
            return [done[name].outcome.state for name in done], await keep_left_over(session, comparison)

    assert asyncio.run(work()) == (["failed", "failed", "blocked"], [])
    assert [one.state for one in made(studio).values()] == ["bought"] * 3
    assert studio.posts() == 3


def test_after_a_write_off_the_new_take_has_its_own_frame(studio) -> None:
    """Nothing of the two is mixed: what was bought from the first frame is stale, and is kept or bought again as asked."""
    two = failing(studio)["two"].take
    (attempt,) = [a for a in state(studio).attempts.values() if a.order.shot == "one"]
    ledger_of(studio.settings, studio.store).resolve(attempt.id, "written_off", who="somebody", why="the clip is none")
    rows = planned(studio)
    assert (rows["one"].state, rows["one"].to_buy, rows["two"].to_buy) == ("missing", 1, 0)
    assert planned(studio, downstream="cascade")["two"].to_buy == 1
    studio.faults({"where": "submit", "what": "no-last-frame"})
    takes = made(studio)
    assert takes["one"].take.attempt != attempt.id
    assert takes["one"].take.last_frame.sha256 != two.frame
    assert (takes["two"].state, takes["two"].take) == ("stale", two)
    assert takes["three"].take.frame == two.last_frame.sha256
    assert studio.posts() == 4


def finished(studio, text, **options):
    """A run to its end: what became of the shots, and what it says of attempts that no shot needs."""

    async def work():
        async with studio.session() as session:
            comparison, _ = await compare(session, studio.resolved(text), options.get("downstream"))
            done = await shoot_all(session, comparison.running())
            notes = await keep_left_over(session, comparison)
            return {name: one.outcome for name, one in done.items()}, notes

    return asyncio.run(work())


class Away(Observer):
    """The store is away when a shot is kept."""

    def __init__(self, shot="s/") -> None:
        self.shot = shot

    async def around(self, step, call):
        if step.name == "ingest" and step.label.startswith(self.shot):
            raise StoreError("the store is away")
        return await call()


def test_what_another_key_bought_from_an_older_frame_is_neither_planned_nor_bought(make_studio) -> None:
    studio = make_studio(keys=("key-of-the-take-tests", "another-key"))
    other = replace(
        studio, settings=studio.settings.model_copy(update={"api_key": type(studio.settings.api_key)("another-key")})
    )
    made(studio, BOARD, observer=Away("s/two"))
    changed = BOARD.replace("A harbour at night", "A harbour at noon")
    rows = planned(other, changed)
    assert {row.id: (row.state, row.to_buy) for row in rows.values()} == {
        "one": ("missing", 1),
        "two": ("under way", 0),
    }
    takes = made(other, changed)
    assert (takes["one"].state, takes["two"].state, studio.posts()) == ("bought", "in doubt", 3)
    assert other_account(studio) in str(takes["two"].error)
    # With that key it is fetched, and then it is there for both.
    kept = made(studio, changed)["two"]
    assert kept.state == made(other, changed)["two"].state == "stale"
    assert (kept.take.account, studio.posts()) == (other_account(studio), 3)


@pytest.mark.parametrize("downstream", [None, "cascade"])
def test_a_task_bought_behind_a_shot_that_was_written_off_is_a_take_like_one_that_was_kept(studio, downstream) -> None:
    """The new take of the first shot has another frame: what was bought from the old one costs the same, kept yet or in flight."""
    crashed(studio)
    first, second = sorted(state(studio).attempts.values(), key=lambda attempt: attempt.sequence)
    assert (second.order.shot, second.phase) == ("two", "accepted")
    ledger_of(studio.settings, studio.store).resolve(first.id, "written_off", who="somebody", why="it takes too long")
    studio.faults({"where": "submit", "what": "no-last-frame"})
    rows = planned(studio, downstream=downstream)
    made, notes = finished(studio, THREE, downstream=downstream)
    bought = [row.to_buy for row in rows.values()]
    old = library.load(studio.store, second.order.fingerprint)
    assert (old.attempt, old.shot, old.take, old.checks.passed) == (second.id, "s/two", 1, True)
    assert old.frame != made["one"].take.last_frame.sha256
    assert state(studio).attempts == {}
    if downstream is None:
        assert (made["two"].state, made["two"].take, notes) == ("stale", old, [])
        assert made["three"].take.frame == old.last_frame.sha256
        assert (bought, studio.posts()) == ([1, 0, 1], 4)
    else:
        assert (made["two"].state, made["two"].take.frame) == ("bought", made["one"].take.last_frame.sha256)
        assert f"attempt {second.id} for {second.order.label} was bought for what no shot needs any more" in notes[0]
        assert (bought, studio.posts()) == ([1, 1, 1], 5)
    again, _ = finished(studio, THREE)
    assert {name: one.take for name, one in again.items()} == {name: one.take for name, one in made.items()}


def test_what_was_in_flight_for_an_older_prompt_is_used_when_that_prompt_comes_back(studio) -> None:
    crashed(studio, BOARD)
    second = next(one for one in state(studio).attempts.values() if one.order.shot == "two")
    made, notes = finished(studio, BOARD.replace("A boat leaves", "A boat returns"))
    assert ([one.state for one in made.values()], len(notes)) == (["bought", "bought"], 1)
    back, notes = finished(studio, BOARD)
    assert ([one.state for one in back.values()], notes) == (["current", "current"], [])
    one, two = back["one"].take, back["two"].take
    assert (two.attempt, two.frame) == (second.id, one.last_frame.sha256)
    # It is as complete as one that was kept when it was bought.
    assert (two.anchor, two.rate.expected, two.rate.as_of) == (one.tone, two.credits, one.rate.as_of)
    assert two.seam is not None
    assert studio.posts() == 3


def test_what_is_kept_for_an_older_prompt_leaves_the_corrected_frame_where_the_film_asks_for_it(
    studio, tmp_path
) -> None:
    chain = BOARD.replace("scenes:", "match: chain\nscenes:")
    studio.faults({"where": "submit", "what": "tint", "match": "A boat leaves"})
    made(studio, chain, observer=Away("s/two"))
    finished(studio, chain.replace("A boat leaves", "A boat returns"))
    back, _ = finished(studio, chain)
    two = back["two"].take
    path = studio.store.path
    assert media.match_seam(path(back["one"].take.leaves.key), path(two.clip.key)).correction is not None
    assert two.corrected is not None
    assert two.leaves.sha256 != two.last_frame.sha256
    assert (back["two"].state, studio.posts()) == ("current", 3)


def test_a_retake_that_was_given_up_in_flight_can_be_chosen_when_it_is_there(studio) -> None:
    def chosen(number):
        async def work():
            async with studio.session() as session:
                comparison, _ = await compare(session, studio.resolved(BOARD), None)
                revision = comparison.choose("two", number, run=f"review-{number}")
                await decide(session.store, comparison, revision)

        asyncio.run(work())

    made(studio, BOARD)
    made(studio, BOARD, observer=Away(), retake=["two"], downstream="keep")
    assert [one.order.take for one in state(studio).attempts.values()] == [2]
    chosen(1)
    finished(studio, BOARD)
    chosen(2)
    outcomes, _ = finished(studio, BOARD)
    assert (outcomes["two"].take.take, outcomes["two"].state, studio.posts()) == (2, "current", 3)


def test_housekeeping_keeps_the_record_and_its_frame_until_the_clip_is_kept(studio) -> None:
    def swept():
        return housekeeping.clear(studio.store, housekeeping.survey(studio.store, older_than=timedelta(0)))

    key = crashed(studio)
    assert swept() == ()
    takes = made(studio)
    assert key in {one.key for one in swept()}
    assert studio.store.head(takes["one"].take.last_frame.key) is not None
    assert [one.state for one in made(studio).values()] == ["current"] * 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('at night"', 'at night", takes: 2'), "one of several takes is chosen"),
        (("scenes:", "retakes: 1\nscenes:"), "a take that fails its checks is bought again"),
        (("scenes:", "match: chain\nscenes:"), "the frame handed on is corrected (match: chain)"),
    ],
)
def test_a_chain_that_must_wait_waits_and_the_plan_says_why(studio, change, reason) -> None:
    text = THREE.replace(*change)
    rows = planned(studio, text)
    assert (rows["one"].waits, rows["three"].waits) == (reason, None)
    assert any(line.endswith(f"continued only when kept: {reason}") for line in plan_of(studio, text).waiting())
    kept: list[str] = []

    class Watch(Observer):
        def notify(self, event):
            if event.name in {"take.kept", "attempt.accepted"}:
                kept.append(f"{event.name} {event.data['shot'].partition(' ')[0]}")

    made(studio, text, observer=Watch())
    assert kept.index("take.kept s/one") < kept.index("attempt.accepted s/two")


def test_steps_see_each_take_before_it_is_continued(studio) -> None:
    assert planned(studio, steps=["mine:check"])["one"].waits == "your own steps see each take first"


def test_a_film_that_ends_with_the_shot_keeps_it_with_the_frame_another_has_bought_from(studio) -> None:
    crashed(studio)
    studio.faults({"where": "poll", "what": "no-last-frame"})
    alone = made(studio, THREE[: THREE.index("      - {id: two")])
    assert alone["one"].take.last_frame.source == "provider", (
        "the recorded frame, though the provider shows none any more"
    )
    studio.faults()
    takes = made(studio)
    assert takes["two"].take.frame == takes["one"].take.last_frame.sha256
    assert studio.posts() == 3


def test_what_was_bought_behind_a_shot_that_cannot_be_had_now_is_kept(studio) -> None:
    crashed(studio)
    studio.faults({"where": "poll", "what": "500", "match": "harbor"})
    takes = made(studio, settings={"longest_wait": 0.5})
    assert {name: one.state for name, one in takes.items()} == {"one": "failed", "two": "bought", "three": "blocked"}
    assert studio.posts() == 2
    studio.faults()
    takes = made(studio)
    assert {name: one.state for name, one in takes.items()} == {"one": "bought", "two": "current", "three": "bought"}
    assert studio.posts() == 3


def test_the_frame_of_a_shot_behind_one_that_failed_buys_nothing(studio) -> None:
    """The second shot's frame is recorded and its clip is not kept; then the first one is bought again, and fails."""
    studio.faults({"where": "submit", "what": "fail-80006", "match": "The open sea"})
    takes = made(studio, observer=Away("s/two"))
    assert [one.state for one in takes.values()] == ["bought", "failed", "failed"]
    (second,) = state(studio).attempts.values()
    assert any(key.endswith(f"/{second.id}.json") for key in studio.store.list("frames/")), "its frame is recorded"
    posts = studio.posts()
    studio.faults({"where": "submit", "what": "fail-80006", "match": "at noon"})
    takes = made(studio, THREE.replace("A harbour at night", "A harbour at noon"), observer=Away("s/two"))
    assert [one.state for one in takes.values()] == ["failed", "blocked", "blocked"]
    assert studio.posts() == posts + 1, "nothing is bought behind the shot that failed"

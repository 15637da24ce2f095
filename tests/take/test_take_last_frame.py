"""The last frame of a finished task is recorded and handed on before its clip is kept; the record counts, whatever comes after."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import timedelta

import pytest
from boards import LONG, shot
from shooting import shoot

from longtake import housekeeping, library, media
from longtake.errors import StoreError
from longtake.observer import Observer
from longtake.studio.comparison import compare
from longtake.studio.leaving import keep_left_over
from longtake.studio.shooting import shoot as shoot_all
from longtake.take import decide

THREE = LONG + shot("three", "The open sea")
"""Three shots of one chain."""


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


@pytest.fixture
def account(open_account):
    return open_account(text=THREE)


def crashed(account, text=THREE):
    """The first clip is not kept, its frame is recorded, and the second shot is bought from it."""

    async def work():
        async with account.session() as session:
            stop = asyncio.Event()
            session.events.observer = Held(then=stop.set)

            async def hold(step, call, around=session.events.observer.around):
                if step.name == "ingest":
                    await session.events.observer.bought.wait()
                    stop.set()
                    await asyncio.Event().wait()
                return await around(step, call)

            session.events.observer.around = hold
            run = asyncio.create_task(shoot(session, account.resolve(text)))
            await stop.wait()
            run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await run

    asyncio.run(work())
    (key,) = account.store.list("frames/")
    return key


def planned(account, text=None, **options):
    return {row.id: row for row in account.plan(text, **options).shots}


def test_the_next_shot_is_bought_before_the_clip_before_it_is_kept(account) -> None:
    takes = account.shoot(observer=Held())
    assert [one.state for one in takes.values()] == ["bought"] * 3
    assert [takes["two"].take.frame, takes["three"].take.frame] == [
        takes["one"].take.last_frame.sha256,
        takes["two"].take.last_frame.sha256,
    ]
    assert takes["three"].take.anchor == takes["one"].take.tone
    assert account.posts == 3


def test_a_take_whose_frame_is_handed_on_is_not_in_flight_any_more(account) -> None:
    takes = account.using(max_in_flight=1).shoot(observer=Held())
    assert [one.state for one in takes.values()] == ["bought"] * 3


def test_without_a_frame_of_the_provider_the_clips_own_is_handed_on(account, tmp_path) -> None:
    account.faults({"where": "submit", "what": "no-last-frame"})
    takes = account.shoot()
    assert takes["one"].take.last_frame.source == "clip"
    media.last_frame(account.store.path(takes["one"].take.clip.key), tmp_path / "true.png")
    assert (tmp_path / "true.png").read_bytes() == account.store.get(takes["one"].take.last_frame.key)
    assert takes["two"].take.frame == takes["one"].take.last_frame.sha256


def test_a_plan_between_frame_and_clip_buys_nothing_twice(account) -> None:
    crashed(account)
    rows = planned(account)
    assert [(row.state, row.to_buy) for row in rows.values()] == [("under way", 0), ("under way", 0), ("blocked", 1)]
    takes = account.shoot()
    assert [one.state for one in takes.values()] == ["bought"] * 3
    assert account.posts == 3
    assert account.books()["balance"] == 50_000 - sum(one.take.credits for one in takes.values())


def test_the_recorded_frame_counts_though_the_provider_serves_another(account, tmp_path) -> None:
    path = account.folder / crashed(account)
    said = json.loads(path.read_text())
    (account.folder / said["key"]).rename(account.folder / f"media/{'0' * 64}.png")
    other = {**said, "sha256": "0" * 64, "key": f"media/{'0' * 64}.png"}
    path.write_text(json.dumps(other))
    take = account.shoot()["one"].take
    assert take.last_frame.sha256 == "0" * 64
    assert json.loads(path.read_text()) == other, "the record is written once"


def test_a_record_of_another_ledgers_attempt_is_not_used(account) -> None:
    path = account.folder / crashed(account)
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "task_id": "task_of_another_ledger", "sha256": "0" * 64}))
    takes = account.shoot()
    assert takes["one"].take.last_frame.sha256 == said["sha256"]
    assert account.posts == 3


def test_a_damaged_record_is_named(account) -> None:
    key = crashed(account)
    (account.folder / key).write_text("{")
    with pytest.raises(StoreError, match=key):
        planned(account)


@pytest.mark.slow
def test_equal_attempts_of_two_accounts_have_their_own_frames(open_account) -> None:
    account = open_account(text=THREE, keys=("one-key", "another-key"))
    crashed(account)
    other = account.using(api_key="another-key")
    text = THREE.replace("A harbor", "A pier").replace("A boat", "A ship").replace("The open", "The wide")

    takes = other.shoot(text, observer=Held())
    keys = list(account.store.list("frames/"))
    assert len({key.rpartition("/")[2] for key in keys}) < len(keys), "the same ids of attempts"
    mine = library.read_last_frames(account.store, {account.ledger.account: account.ledger.read()})
    theirs = library.read_last_frames(account.store, {other.ledger.account: other.ledger.read()})
    assert len(mine) == 1
    assert not theirs, "what is kept needs no record"
    assert takes["two"].take.frame == takes["one"].take.last_frame.sha256
    assert [one.state for one in account.shoot().values()] == ["bought"] * 3


def failing(account):
    """A run in which the first clip is not one, seen when the second shot is bought already."""
    html = {"where": "media", "what": "html"}
    return account.shoot(observer=Held(then=lambda: account.faults(html), after=account.faults))


def test_a_clip_that_fails_after_its_frame_was_handed_on_costs_nothing_twice(account) -> None:
    takes = failing(account)
    assert [one.state for one in takes.values()] == ["failed", "bought", "blocked"]
    assert account.posts == 2, "nothing is bought behind what was bought from the frame"
    assert [row.state for row in planned(account).values()] == ["under way", "current", "missing"]
    again = account.shoot()
    assert [one.state for one in again.values()] == ["bought", "current", "bought"]
    assert again["two"].take == takes["two"].take
    assert account.posts == 3


def test_a_take_bought_from_a_frame_is_not_left_over_while_the_clip_before_it_is_not_kept(account) -> None:
    """Both clips fail, and then the provider serves them: the second is kept as the take it was bought as."""
    html = {"where": "media", "what": "html"}

    async def work():
        async with account.session() as session:
            session.events.observer = Held(then=lambda: account.faults(html))
            comparison, _ = await compare(session, account.resolve(THREE), None)
            done = await shoot_all(session, comparison.running())
            account.faults()
            return [done[name].outcome.state for name in done], await keep_left_over(session, comparison)

    assert asyncio.run(work()) == (["failed", "failed", "blocked"], [])
    assert [one.state for one in account.shoot().values()] == ["bought"] * 3
    assert account.posts == 3


def test_after_a_write_off_the_new_take_has_its_own_frame(account) -> None:
    """Nothing of the two is mixed: what was bought from the first frame is stale, and is kept or bought again as asked."""
    two = failing(account)["two"].take
    (attempt,) = [a for a in account.ledger.read().attempts.values() if a.order.shot == "one"]
    account.ledger.resolve(attempt.id, "written_off", who="somebody", why="the clip is none")
    rows = planned(account)
    assert (rows["one"].state, rows["one"].to_buy, rows["two"].to_buy) == ("missing", 1, 0)
    assert planned(account, downstream="cascade")["two"].to_buy == 1
    account.faults({"where": "submit", "what": "no-last-frame"})
    takes = account.shoot()
    assert takes["one"].take.attempt != attempt.id
    assert takes["one"].take.last_frame.sha256 != two.frame
    assert (takes["two"].state, takes["two"].take) == ("stale", two)
    assert takes["three"].take.frame == two.last_frame.sha256
    assert account.posts == 4


def finished(account, text, **options):
    """A run to its end: what became of the shots, and what it says of attempts that no shot needs."""

    async def work():
        async with account.session() as session:
            comparison, _ = await compare(session, account.resolve(text), options.get("downstream"))
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


@pytest.mark.slow
def test_what_another_key_bought_from_an_older_frame_is_neither_planned_nor_bought(open_account) -> None:
    account = open_account(keys=("one-key", "another-key"))
    other = account.using(api_key="another-key")
    account.shoot(LONG, observer=Away("s/two"))
    changed = LONG.replace("A harbor at night", "A harbor at noon")
    rows = planned(other, changed)
    assert {row.id: (row.state, row.to_buy) for row in rows.values()} == {
        "one": ("missing", 1),
        "two": ("under way", 0),
    }
    takes = other.shoot(changed)
    assert (takes["one"].state, takes["two"].state, account.posts) == ("bought", "in doubt", 3)
    assert account.ledger.account in str(takes["two"].error)
    # With that key it is fetched, and then it is there for both.
    kept = account.shoot(changed)["two"]
    assert kept.state == other.shoot(changed)["two"].state == "stale"
    assert (kept.take.account, account.posts) == (account.ledger.account, 3)


@pytest.mark.parametrize("downstream", [None, pytest.param("cascade", marks=pytest.mark.slow)])
def test_a_task_bought_behind_a_shot_that_was_written_off_is_a_take_like_one_that_was_kept(account, downstream) -> None:
    """The new take of the first shot has another frame: what was bought from the old one costs the same, kept yet or in flight."""
    crashed(account)
    first, second = sorted(account.ledger.read().attempts.values(), key=lambda attempt: attempt.sequence)
    assert (second.order.shot, second.phase) == ("two", "accepted")
    account.ledger.resolve(first.id, "written_off", who="somebody", why="it takes too long")
    account.faults({"where": "submit", "what": "no-last-frame"})
    rows = planned(account, downstream=downstream)
    made, notes = finished(account, THREE, downstream=downstream)
    bought = [row.to_buy for row in rows.values()]
    old = library.load(account.store, second.order.fingerprint)
    assert (old.attempt, old.shot, old.take, old.checks.passed) == (second.id, "s/two", 1, True)
    assert old.frame != made["one"].take.last_frame.sha256
    assert account.ledger.read().attempts == {}
    if downstream is None:
        assert (made["two"].state, made["two"].take, notes) == ("stale", old, [])
        assert made["three"].take.frame == old.last_frame.sha256
        assert (bought, account.posts) == ([1, 0, 1], 4)
    else:
        assert (made["two"].state, made["two"].take.frame) == ("bought", made["one"].take.last_frame.sha256)
        assert f"attempt {second.id} for {second.order.label} was bought for what no shot needs any more" in notes[0]
        assert (bought, account.posts) == ([1, 1, 1], 5)
    again, _ = finished(account, THREE)
    assert {name: one.take for name, one in again.items()} == {name: one.take for name, one in made.items()}


def test_what_another_run_keeps_of_an_older_frame_meanwhile_is_used_and_not_bought_again(account) -> None:
    crashed(account)
    first, second = sorted(account.ledger.read().attempts.values(), key=lambda attempt: attempt.sequence)
    account.ledger.resolve(first.id, "written_off", who="somebody", why="it takes too long")
    account.faults({"where": "submit", "what": "no-last-frame"})

    async def work():
        async with account.session() as session:
            comparison, _ = await compare(session, account.resolve(THREE), None)
            await asyncio.to_thread(finished, account, THREE)
            return account.posts, await shoot_all(session, comparison.running())

    before, made = asyncio.run(work())
    assert made["two"].outcome.take.attempt == second.id
    assert account.posts == before == 4


def test_what_was_in_flight_for_an_older_prompt_is_used_when_that_prompt_comes_back(account) -> None:
    crashed(account, LONG)
    second = next(one for one in account.ledger.read().attempts.values() if one.order.shot == "two")
    made, notes = finished(account, LONG.replace("A boat leaves", "A boat returns"))
    assert ([one.state for one in made.values()], len(notes)) == (["bought", "bought"], 1)
    back, notes = finished(account, LONG)
    assert ([one.state for one in back.values()], notes) == (["current", "current"], [])
    one, two = back["one"].take, back["two"].take
    assert (two.attempt, two.frame) == (second.id, one.last_frame.sha256)
    # It is as complete as one that was kept when it was bought.
    assert (two.anchor, two.rate.expected, two.rate.as_of) == (one.tone, two.credits, one.rate.as_of)
    assert two.seam is not None
    assert account.posts == 3


@pytest.mark.slow
def test_what_is_kept_for_an_older_prompt_leaves_the_corrected_frame_where_the_film_asks_for_it(
    account, tmp_path
) -> None:
    chain = LONG.replace("scenes:", "match: chain\nscenes:")
    account.faults({"where": "submit", "what": "tint", "match": "A boat leaves"})
    account.shoot(chain, observer=Away("s/two"))
    finished(account, chain.replace("A boat leaves", "A boat returns"))
    back, _ = finished(account, chain)
    two = back["two"].take
    path = account.store.path
    assert media.match_seam(path(back["one"].take.leaves.key), path(two.clip.key)).correction is not None
    assert two.corrected is not None
    assert two.leaves.sha256 != two.last_frame.sha256
    assert (back["two"].state, account.posts) == ("current", 3)


@pytest.mark.slow
def test_a_retake_that_was_given_up_in_flight_can_be_chosen_when_it_is_there(account) -> None:
    def chosen(number):
        async def work():
            async with account.session() as session:
                comparison, _ = await compare(session, account.resolve(LONG), None)
                revision = comparison.choose("two", number, run=f"review-{number}")
                await decide(session.store, comparison, revision)

        asyncio.run(work())

    account.shoot(LONG)
    account.shoot(LONG, observer=Away(), retake=["two"], downstream="keep")
    assert [one.order.take for one in account.ledger.read().attempts.values()] == [2]
    chosen(1)
    finished(account, LONG)
    chosen(2)
    outcomes, _ = finished(account, LONG)
    assert (outcomes["two"].take.take, outcomes["two"].state, account.posts) == (2, "current", 3)


@pytest.mark.slow
def test_housekeeping_keeps_the_record_and_its_frame_until_the_clip_is_kept(account) -> None:
    def swept():
        return housekeeping.clear(account.store, housekeeping.survey(account.store, older_than=timedelta(0)))

    key = crashed(account)
    assert swept() == ()
    takes = account.shoot()
    assert key in {one.key for one in swept()}
    assert account.store.head(takes["one"].take.last_frame.key) is not None
    assert [one.state for one in account.shoot().values()] == ["current"] * 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (('at night"', 'at night", takes: 2'), "one of several takes is chosen"),
        (("scenes:", "retakes: 1\nscenes:"), "a take that fails its checks is bought again"),
        (("scenes:", "match: chain\nscenes:"), "the frame handed on is corrected (match: chain)"),
    ],
)
def test_a_chain_that_must_wait_waits_and_the_plan_says_why(account, change, reason) -> None:
    text = THREE.replace(*change)
    rows = planned(account, text)
    assert (rows["one"].waits, rows["three"].waits) == (reason, None)
    assert any(line.endswith(f"continued only when kept: {reason}") for line in account.plan(text).waiting())
    kept: list[str] = []

    class Watch(Observer):
        def notify(self, event):
            if event.name in {"take.kept", "attempt.accepted"}:
                kept.append(f"{event.name} {event.data['shot'].partition(' ')[0]}")

    account.shoot(text, observer=Watch())
    assert kept.index("take.kept s/one") < kept.index("attempt.accepted s/two")


def test_steps_see_each_take_before_it_is_continued(account) -> None:
    assert planned(account, steps=["mine:check"])["one"].waits == "your own steps see each take first"


@pytest.mark.slow
def test_a_film_that_ends_with_the_shot_keeps_it_with_the_frame_another_has_bought_from(account) -> None:
    crashed(account)
    account.faults({"where": "poll", "what": "no-last-frame"})
    alone = account.shoot(THREE[: THREE.index("      - {id: two")])
    assert alone["one"].take.last_frame.source == "provider", (
        "the recorded frame, though the provider shows none any more"
    )
    account.faults()
    takes = account.shoot()
    assert takes["two"].take.frame == takes["one"].take.last_frame.sha256
    assert account.posts == 3


@pytest.mark.slow
def test_what_was_bought_behind_a_shot_that_cannot_be_had_now_is_kept(account) -> None:
    crashed(account)
    account.faults({"where": "poll", "what": "500", "match": "harbor"})
    takes = account.using(longest_wait=4.0).shoot()
    assert {name: one.state for name, one in takes.items()} == {"one": "failed", "two": "bought", "three": "blocked"}
    assert account.posts == 2
    account.faults()
    takes = account.shoot()
    assert {name: one.state for name, one in takes.items()} == {"one": "bought", "two": "current", "three": "bought"}
    assert account.posts == 3


def test_the_frame_of_a_shot_behind_one_that_failed_buys_nothing(account) -> None:
    """The second shot's frame is recorded and its clip is not kept; then the first one is bought again, and fails."""
    account.faults({"where": "submit", "what": "fail-80006", "match": "The open sea"})
    takes = account.shoot(observer=Away("s/two"))
    assert [one.state for one in takes.values()] == ["bought", "failed", "failed"]
    (second,) = account.ledger.read().attempts.values()
    assert any(key.endswith(f"/{second.id}.json") for key in account.store.list("frames/")), "its frame is recorded"
    posts = account.posts
    account.faults({"where": "submit", "what": "fail-80006", "match": "at noon"})
    takes = account.shoot(THREE.replace("A harbor at night", "A harbor at noon"), observer=Away("s/two"))
    assert [one.state for one in takes.values()] == ["failed", "blocked", "blocked"]
    assert account.posts == posts + 1, "nothing is bought behind the shot that failed"

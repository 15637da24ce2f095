"""The life of a take against a real emulator and a real store: what is bought, kept, shared and found again."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from longtake import library, media
from longtake.errors import (
    BudgetError,
    InDoubtError,
    KeyRefusedError,
    LedgerGapError,
    MediaError,
    NoCreditsError,
    TaskFailedError,
    UrlRefusedError,
)
from longtake.ledger import Ledger
from longtake.observer import Observer
from longtake.take import TakeSpec, ensure_take, ledger_of, session


def state(studio):
    return ledger_of(studio.settings, studio.store).read()


def only_shot(studio):
    return studio.resolved().shots[0]


def obtain_one(studio, *, number=1, **changes):
    async def work():
        async with studio.session(**changes) as session:
            return await ensure_take(session, TakeSpec(only_shot(studio), number, None))

    return asyncio.run(work())


def test_a_chain_is_bought_kept_and_found_again(studio) -> None:
    first = studio.film()
    assert [r.state for r in first.values()] == ["bought", "bought"]
    one, two = first["one"].take, first["two"].take
    assert (one.clip.frames, one.clip.width, one.clip.height) == (97, 160, 90)
    assert one.last_frame.source == "provider", "a continued shot asks for its last frame"
    assert two.request["image_with_roles"] == [{"url": f"sha256:{one.last_frame.sha256}", "role": "first_frame"}]
    assert "http" not in library.key_of(two.fingerprint) + two.model_dump_json()
    again = studio.film()
    assert [r.state for r in again.values()] == ["current", "current"]
    assert again["two"].take == two
    books = studio.books()
    assert books["posts"]["received"] == 2
    assert books["balance"] == 50_000 - one.credits - two.credits
    assert state(studio).films == {"two-takes": one.credits + two.credits}
    assert not state(studio).attempts


def test_the_chain_is_one_picture(studio, tmp_path) -> None:
    """Frame 0 of a chained shot is near the frame it was given."""
    import av

    takes = studio.film()
    last = studio.store.path(takes["one"].take.last_frame.key)
    clip = studio.store.path(takes["two"].take.clip.key)
    with av.open(str(last)) as image, av.open(str(clip)) as video:
        end, start = (bytes(next(c.decode(video=0)).reformat(format="gray").planes[0]) for c in (image, video))
    assert len(end) == len(start)
    assert sum(abs(a - b) for a, b in zip(end, start, strict=True)) / len(end) < 6


def test_a_last_frame_that_does_not_come_is_taken_from_the_clip(studio, tmp_path) -> None:
    studio.faults({"where": "submit", "what": "no-last-frame"})
    take = studio.film()["one"].take
    assert take.last_frame.source == "clip"
    media.last_frame(studio.store.path(take.clip.key), tmp_path / "true.png")
    assert (tmp_path / "true.png").read_bytes() == studio.store.get(take.last_frame.key)


def test_a_retryable_failure_is_refunded_and_bought_again(studio) -> None:
    studio.faults({"where": "submit", "what": "fail-80003", "times": 1})
    got = obtain_one(studio)
    books = studio.books()
    assert got.state == "bought"
    assert books["posts"]["received"] == 2
    assert books["balance"] == 50_000 - got.take.credits
    folded = state(studio)
    assert (folded.debits, folded.refunds) == (2 * got.take.credits, got.take.credits)


def test_attempts_are_limited_and_each_is_refunded(studio) -> None:
    studio.faults({"where": "submit", "what": "fail-80003"})
    with pytest.raises(TaskFailedError):
        obtain_one(studio, max_attempts=2)
    assert studio.posts() == 2
    assert studio.books()["balance"] == 50_000


def test_a_terminal_failure_is_not_tried_again(studio) -> None:
    studio.faults({"where": "submit", "what": "fail-80006"})
    with pytest.raises(TaskFailedError, match="80006") as caught:
        obtain_one(studio)
    assert not caught.value.retryable
    assert studio.posts() == 1
    assert state(studio).attempts == {}


@pytest.mark.parametrize("what", ["500-after", "drop-after", "garbage", "no-id", "500", "drop-before", "redirect"])
def test_a_lost_answer_is_in_doubt_and_never_sent_again(studio, what: str) -> None:
    studio.faults({"where": "submit", "what": what, "times": 1})
    with pytest.raises(InDoubtError) as caught:
        obtain_one(studio)
    assert caught.value.exit_code == 4
    assert caught.value.attempt in str(caught.value)
    with pytest.raises(InDoubtError):
        obtain_one(studio)
    assert studio.posts() == 1
    assert [a.phase for a in state(studio).doubts()] == ["in_doubt"]


def test_a_task_id_answered_twice_puts_the_second_attempt_in_doubt(studio) -> None:
    bought = obtain_one(studio)
    studio.faults({"where": "submit", "what": "same-id", "times": 1})
    with pytest.raises(InDoubtError, match=bought.take.task_id) as caught:
        obtain_one(studio, number=2)
    assert caught.value.exit_code == 4
    with pytest.raises(InDoubtError):
        obtain_one(studio, number=2)
    assert studio.posts() == 2
    assert [a.phase for a in state(studio).doubts()] == ["in_doubt"]


def test_a_task_that_is_not_known_at_once_is_polled_on(studio) -> None:
    studio.faults({"where": "poll", "what": "404", "times": 6})
    assert obtain_one(studio).state == "bought"
    assert studio.posts() == 1


def test_a_rate_limit_is_waited_out_under_a_new_intent(studio) -> None:
    studio.faults({"where": "submit", "what": "429", "times": 1, "retry_after": 0.1})
    assert obtain_one(studio).state == "bought"
    books = studio.books()
    assert books["posts"]["charged"] == 1
    outcomes = [c.outcome for c in ledger_of(studio.settings, studio.store).log.history()]
    assert outcomes == ["refused", "settled"]


def test_a_paid_result_that_is_not_a_clip_is_fetched_again_not_bought_again(studio) -> None:
    studio.faults({"where": "media", "what": "html"})
    with pytest.raises(MediaError, match="HTML"):
        obtain_one(studio)
    assert [a.phase for a in state(studio).attempts.values()] == ["completed"]
    studio.faults()
    assert obtain_one(studio).state == "bought"
    assert studio.posts() == 1


def test_no_credits_and_a_wrong_key_end_the_buying(make_studio) -> None:
    poor = make_studio(balance=10)
    with pytest.raises(NoCreditsError) as caught:
        obtain_one(poor)
    assert caught.value.exit_code == 3
    assert state(poor).attempts == {}
    with pytest.raises(KeyRefusedError):
        obtain_one(poor, api_key=poor.settings.api_key.__class__("some-other-key"))


def test_what_halts_the_buying_halts_all_of_it(make_studio) -> None:
    studio = make_studio(balance=10)

    async def work():
        async with studio.session() as session:
            shots = studio.resolved().shots
            for _ in range(2):
                with pytest.raises(NoCreditsError):
                    await ensure_take(session, TakeSpec(shots[0], 1, None))

    asyncio.run(work())
    assert studio.posts() == 1


def test_a_cap_refuses_before_the_post(studio) -> None:
    with pytest.raises(BudgetError):
        obtain_one(studio, day_budget=100)
    assert studio.posts() == 0


def test_two_sessions_share_one_take(studio) -> None:
    async def one():
        async with studio.session() as session:
            return await ensure_take(session, TakeSpec(only_shot(studio), 1, None))

    async def both():
        return await asyncio.gather(one(), one())

    first, second = asyncio.run(both())
    assert first.take == second.take
    assert studio.posts() == 1


def test_what_is_fetched_is_brought_to_its_end_before_more_is_begun(studio) -> None:
    under_way, most = 0, 0
    pair = asyncio.Barrier(2)

    class Counted(Observer):
        async def around(self, step, call):
            nonlocal under_way, most
            if step.name != "ingest":
                return await call()
            under_way += 1
            most = max(most, under_way)
            await pair.wait()
            try:
                return await call()
            finally:
                under_way -= 1

    async def work():
        async with studio.session() as session:
            session.keeping = asyncio.Semaphore(2)
            session.events.observer = Counted()
            await asyncio.gather(*(ensure_take(session, TakeSpec(only_shot(studio), k, None)) for k in range(1, 5)))

    asyncio.run(work())
    assert most == 2
    assert studio.posts() == 4


async def open_post(session, shot):
    """Begin to buy a take; gives its task and that of the POST, which is charged, and an event that lets the answer come."""
    charged, answer = asyncio.Event(), asyncio.Event()
    submit = session.account.provider.submit
    posts = []

    async def held(body, **options):
        posts.append(asyncio.current_task())
        found = await submit(body, **options)
        charged.set()
        await answer.wait()
        return found

    session.account.provider.submit = held
    task = asyncio.create_task(ensure_take(session, TakeSpec(shot, 1, None)))
    await charged.wait()
    return task, posts[0], answer


def test_cancelling_an_open_post_writes_its_outcome_down(make_studio) -> None:
    """The POST is under way when the run is cancelled: its task id still lands in the ledger."""
    studio = make_studio()

    async def work():
        async with studio.session() as session:
            task, _, answer = await open_post(session, only_shot(studio))
            task.cancel()
            asyncio.get_running_loop().call_soon(answer.set)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    (attempt,) = state(studio).attempts.values()
    (task,) = studio.books()["tasks"]
    assert (attempt.phase, attempt.task_id, studio.posts()) == ("accepted", task["id"], 1)


def test_a_post_that_is_cut_off_itself_is_in_doubt(make_studio) -> None:
    """As at the end of an event loop, which cancels every task that is left: the request may have been charged."""
    studio = make_studio()

    async def work():
        async with studio.session() as session:
            task, post, _ = await open_post(session, only_shot(studio))
            post.cancel()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    (attempt,) = state(studio).attempts.values()
    assert (attempt.phase, attempt.reason) == ("in_doubt", "stopped by CancelledError")
    with pytest.raises(InDoubtError):
        obtain_one(studio)
    assert studio.books()["posts"] == {**studio.books()["posts"], "received": 1, "charged": 1}


def test_an_empty_ledger_of_an_account_that_bought_takes_is_not_new(studio) -> None:
    obtain_one(studio)
    shutil.rmtree(studio.folder / "ledger")
    with pytest.raises(LedgerGapError, match=r"is empty, but s/one.* was bought with it"):
        obtain_one(studio, number=2)
    assert studio.posts() == 1


def test_a_damaged_record_of_another_take_does_not_stop_a_new_key(studio, caplog) -> None:
    (studio.folder / "takes").mkdir()
    (studio.folder / "takes" / f"{'0' * 64}.json").write_text("{")
    assert obtain_one(studio).state == "bought"
    assert "is not a take record" in caplog.text


def test_a_ledger_that_another_process_began_meanwhile_is_not_lost(studio) -> None:
    late = ledger_of(studio.settings, studio.store)
    assert late.read().head == 0
    obtain_one(studio)
    session._check_new(studio.store, late)


def test_an_error_that_has_no_class_leaves_the_attempt_in_doubt(studio) -> None:
    async def work():
        async with studio.session() as session:
            await session.account.provider.__aexit__()  # a client that is closed: no code of ours expects that
            await ensure_take(session, TakeSpec(only_shot(studio), 1, None))

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(work())
    assert [(a.phase, a.reason) for a in state(studio).attempts.values()] == [("in_doubt", "stopped by RuntimeError")]


def test_a_store_without_urls_for_others_is_said_before_money(studio) -> None:
    studio.faults({"where": "submit", "what": "no-last-frame"})

    async def work():
        async with studio.session(public_url=None) as session:
            one = await ensure_take(session, TakeSpec(only_shot(studio), 1, None))
            await ensure_take(session, TakeSpec(studio.resolved().shots[1], 1, one.take.last_frame))

    with pytest.raises(UrlRefusedError, match="LONGTAKE_PUBLIC_URL"):
        asyncio.run(work())
    assert studio.posts() == 1


def test_a_stale_take_is_used_unless_it_is_renewed(studio) -> None:
    before = studio.film()
    board = studio.board.replace("A harbor at night", "A harbor at noon")
    after = studio.film(board)
    assert [r.state for r in after.values()] == ["bought", "stale"]
    assert after["two"].take == before["two"].take
    assert studio.posts() == 3


def test_ledger_and_books_agree_to_the_credit(studio) -> None:
    studio.faults({"where": "submit", "what": "fail-80003", "times": 1})
    studio.film()

    async def check():
        async with studio.session() as session:
            return await session.account.balance(session.store)

    report = asyncio.run(check())
    assert report.drift == 0
    assert report.balance == studio.books()["balance"]
    assert Ledger(studio.store, ledger_of(studio.settings, studio.store).account).read().unproven == []

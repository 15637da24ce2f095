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
from longtake.observer import Observer
from longtake.take import TakeSpec, ensure_take


def only_shot(account):
    return account.resolve().shots[0]


def obtain_one(account, *, number=1):
    async def work():
        async with account.session() as session:
            return await ensure_take(session, TakeSpec(only_shot(account), number, None))

    return asyncio.run(work())


def test_a_chain_is_bought_kept_and_found_again(account) -> None:
    first = account.shoot()
    assert [r.state for r in first.values()] == ["bought", "bought"]
    one, two = first["one"].take, first["two"].take
    assert (one.clip.frames, one.clip.width, one.clip.height) == (97, 160, 90)
    assert one.last_frame.source == "provider", "a continued shot asks for its last frame"
    assert two.request["image_with_roles"] == [{"url": f"sha256:{one.last_frame.sha256}", "role": "first_frame"}]
    assert "http" not in library.key_of(two.fingerprint) + two.model_dump_json()
    again = account.shoot()
    assert [r.state for r in again.values()] == ["current", "current"]
    assert again["two"].take == two
    books = account.books()
    assert books["posts"]["received"] == 2
    assert books["balance"] == 50_000 - one.credits - two.credits
    assert account.ledger.read().films == {"a-film": one.credits + two.credits}
    assert not account.ledger.read().attempts


def test_the_chain_is_one_picture(account, tmp_path) -> None:
    """Frame 0 of a chained shot is near the frame it was given."""
    import av

    takes = account.shoot()
    last = account.store.path(takes["one"].take.last_frame.key)
    clip = account.store.path(takes["two"].take.clip.key)
    with av.open(str(last)) as image, av.open(str(clip)) as video:
        end, start = (bytes(next(c.decode(video=0)).reformat(format="gray").planes[0]) for c in (image, video))
    assert len(end) == len(start)
    assert sum(abs(a - b) for a, b in zip(end, start, strict=True)) / len(end) < 6


def test_a_last_frame_that_does_not_come_is_taken_from_the_clip(account, tmp_path) -> None:
    account.faults({"where": "submit", "what": "no-last-frame"})
    take = account.shoot()["one"].take
    assert take.last_frame.source == "clip"
    media.last_frame(account.store.path(take.clip.key), tmp_path / "true.png")
    assert (tmp_path / "true.png").read_bytes() == account.store.get(take.last_frame.key)


def test_a_retryable_failure_is_refunded_and_bought_again(account) -> None:
    account.faults({"where": "submit", "what": "fail-80003", "times": 1})
    got = obtain_one(account)
    books = account.books()
    assert got.state == "bought"
    assert books["posts"]["received"] == 2
    assert books["balance"] == 50_000 - got.take.credits
    folded = account.ledger.read()
    assert (folded.debits, folded.refunds) == (2 * got.take.credits, got.take.credits)


def test_attempts_are_limited_and_each_is_refunded(account) -> None:
    account.faults({"where": "submit", "what": "fail-80003"})
    with pytest.raises(TaskFailedError):
        obtain_one(account.using(max_attempts=2))
    assert account.posts == 2
    assert account.books()["balance"] == 50_000


def test_a_terminal_failure_is_not_tried_again(account) -> None:
    account.faults({"where": "submit", "what": "fail-80006"})
    with pytest.raises(TaskFailedError, match="80006") as caught:
        obtain_one(account)
    assert not caught.value.retryable
    assert account.posts == 1
    assert account.ledger.read().attempts == {}


@pytest.mark.parametrize("what", ["500-after", "drop-after", "garbage", "no-id", "500", "drop-before", "redirect"])
def test_a_lost_answer_is_in_doubt_and_never_sent_again(account, what: str) -> None:
    account.faults({"where": "submit", "what": what, "times": 1})
    with pytest.raises(InDoubtError) as caught:
        obtain_one(account)
    assert caught.value.exit_code == 4
    assert caught.value.attempt in str(caught.value)
    with pytest.raises(InDoubtError):
        obtain_one(account)
    assert account.posts == 1
    assert [a.phase for a in account.ledger.read().doubts()] == ["in_doubt"]


def test_a_task_id_answered_twice_puts_the_second_attempt_in_doubt(account) -> None:
    bought = obtain_one(account)
    account.faults({"where": "submit", "what": "same-id", "times": 1})
    with pytest.raises(InDoubtError, match=bought.take.task_id) as caught:
        obtain_one(account, number=2)
    assert caught.value.exit_code == 4
    with pytest.raises(InDoubtError):
        obtain_one(account, number=2)
    assert account.posts == 2
    assert [a.phase for a in account.ledger.read().doubts()] == ["in_doubt"]


def test_a_task_that_is_not_known_at_once_is_polled_on(account) -> None:
    account.faults({"where": "poll", "what": "404", "times": 6})
    assert obtain_one(account).state == "bought"
    assert account.posts == 1


def test_a_rate_limit_is_waited_out_under_a_new_intent(account) -> None:
    account.faults({"where": "submit", "what": "429", "times": 1, "retry_after": 0.1})
    assert obtain_one(account).state == "bought"
    books = account.books()
    assert books["posts"]["charged"] == 1
    outcomes = [c.outcome for c in account.ledger.log.history()]
    assert outcomes == ["refused", "settled"]


def test_a_paid_result_that_is_not_a_clip_is_fetched_again_not_bought_again(account) -> None:
    account.faults({"where": "media", "what": "html"})
    with pytest.raises(MediaError, match="HTML"):
        obtain_one(account)
    assert [a.phase for a in account.ledger.read().attempts.values()] == ["completed"]
    account.faults()
    assert obtain_one(account).state == "bought"
    assert account.posts == 1


def test_no_credits_and_a_wrong_key_end_the_buying(open_account) -> None:
    poor = open_account(balance=10)
    with pytest.raises(NoCreditsError) as caught:
        obtain_one(poor)
    assert caught.value.exit_code == 3
    assert poor.ledger.read().attempts == {}
    with pytest.raises(KeyRefusedError):
        obtain_one(poor.using(api_key="some-other-key"))


def test_what_halts_the_buying_halts_all_of_it(open_account) -> None:
    account = open_account(balance=10)

    async def work():
        async with account.session() as session:
            shots = account.resolve().shots
            for _ in range(2):
                with pytest.raises(NoCreditsError):
                    await ensure_take(session, TakeSpec(shots[0], 1, None))

    asyncio.run(work())
    assert account.posts == 1


def test_a_cap_refuses_before_the_post(account) -> None:
    with pytest.raises(BudgetError):
        obtain_one(account.using(day_budget=100))
    assert account.posts == 0


def test_two_sessions_share_one_take(account) -> None:
    async def one():
        async with account.session() as session:
            return await ensure_take(session, TakeSpec(only_shot(account), 1, None))

    async def both():
        return await asyncio.gather(one(), one())

    first, second = asyncio.run(both())
    assert first.take == second.take
    assert account.posts == 1


def test_what_is_fetched_is_brought_to_its_end_before_more_is_begun(account) -> None:
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
        async with account.session() as session:
            session.keeping = asyncio.Semaphore(2)
            session.events.observer = Counted()
            await asyncio.gather(*(ensure_take(session, TakeSpec(only_shot(account), k, None)) for k in range(1, 5)))

    asyncio.run(work())
    assert most == 2
    assert account.posts == 4


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


def test_cancelling_an_open_post_writes_its_outcome_down(open_account) -> None:
    """The POST is under way when the run is cancelled: its task id still lands in the ledger."""
    account = open_account()

    async def work():
        async with account.session() as session:
            task, _, answer = await open_post(session, only_shot(account))
            task.cancel()
            asyncio.get_running_loop().call_soon(answer.set)
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    (attempt,) = account.ledger.read().attempts.values()
    (task,) = account.books()["tasks"]
    assert (attempt.phase, attempt.task_id, account.posts) == ("accepted", task["id"], 1)


def test_a_post_that_is_cut_off_itself_is_in_doubt(open_account) -> None:
    """As at the end of an event loop, which cancels every task that is left: the request may have been charged."""
    account = open_account()

    async def work():
        async with account.session() as session:
            task, post, _ = await open_post(session, only_shot(account))
            post.cancel()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(work())
    (attempt,) = account.ledger.read().attempts.values()
    assert (attempt.phase, attempt.reason) == ("in_doubt", "stopped by CancelledError")
    with pytest.raises(InDoubtError):
        obtain_one(account)
    assert account.books()["posts"] == {**account.books()["posts"], "received": 1, "charged": 1}


def test_an_empty_ledger_of_an_account_that_bought_takes_is_not_new(account) -> None:
    obtain_one(account)
    shutil.rmtree(account.folder / "ledger")
    with pytest.raises(LedgerGapError, match=r"is empty, but s/one.* was bought with it"):
        obtain_one(account, number=2)
    assert account.posts == 1


def test_a_damaged_record_of_another_take_does_not_stop_a_new_key(account, caplog) -> None:
    (account.folder / "takes").mkdir()
    (account.folder / "takes" / f"{'0' * 64}.json").write_text("{")
    assert obtain_one(account).state == "bought"
    assert "is not a take record" in caplog.text


def test_a_ledger_that_another_process_began_meanwhile_is_not_lost(account) -> None:
    """It was empty when the run read it; then another one bought a take, which the run finds in the store."""

    class Meanwhile:
        bought = False

        def __getattr__(self, name):
            return getattr(account.store, name)

        def list(self, prefix, **options):
            if prefix == "takes/" and not self.bought:
                self.bought = True
                obtain_one(account)
            return account.store.list(prefix, **options)

    async def work():
        async with account.session(store=(store := Meanwhile())) as session:
            return store.bought, session.ledger.read().head > 0

    assert asyncio.run(work()) == (True, True)


def test_an_error_that_has_no_class_leaves_the_attempt_in_doubt(account) -> None:
    async def work():
        async with account.session() as session:
            await session.account.provider.__aexit__()  # a client that is closed: no code of ours expects that
            await ensure_take(session, TakeSpec(only_shot(account), 1, None))

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(work())
    assert [(a.phase, a.reason) for a in account.ledger.read().attempts.values()] == [
        ("in_doubt", "stopped by RuntimeError")
    ]


def test_a_store_without_urls_for_others_is_said_before_money(account) -> None:
    account.faults({"where": "submit", "what": "no-last-frame"})

    async def work():
        async with account.using(public_url=None).session() as session:
            one = await ensure_take(session, TakeSpec(only_shot(account), 1, None))
            await ensure_take(session, TakeSpec(account.resolve().shots[1], 1, one.take.last_frame))

    with pytest.raises(UrlRefusedError, match="LONGTAKE_PUBLIC_URL"):
        asyncio.run(work())
    assert account.posts == 1


@pytest.mark.slow
def test_a_stale_take_is_used_unless_it_is_renewed(account) -> None:
    before = account.shoot()
    after = account.shoot(account.text.replace("A harbor at night", "A harbor at noon"))
    assert [r.state for r in after.values()] == ["bought", "stale"]
    assert after["two"].take == before["two"].take
    assert account.posts == 3


def test_ledger_and_books_agree_to_the_credit(account) -> None:
    account.faults({"where": "submit", "what": "fail-80003", "times": 1})
    account.shoot()

    async def check():
        async with account.session() as session:
            return await session.account.balance(session.store)

    report = asyncio.run(check())
    assert report.drift == 0
    assert report.balance == account.books()["balance"]
    assert account.ledger.read().unproven == []

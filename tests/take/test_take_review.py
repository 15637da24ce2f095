"""Takes under bad luck, of small cheap clips: old claims, other keys, halted runs, ledgers that refuse, inputs that change."""

from __future__ import annotations

import asyncio
import functools
import importlib
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from boards import APART, CHAIN, HEAD, apart, shot
from changing import use
from emulators import small_catalog
from pictures import png
from purchases import claim, purchase

from longtake import plan
from longtake.errors import (
    BudgetError,
    InDoubtError,
    LedgerError,
    LedgerGapError,
    MediaError,
    NotSentError,
    PollTimeoutError,
    SettingsError,
    StoreError,
    TaskIdNotRecordedError,
)
from longtake.ledger import Ledger, account_of
from longtake.ledger.elapsed import elapsed
from longtake.take import TakeSpec, ensure_take, identify, salvage, upload

KEY, OTHER = "key-of-the-review-tests", "the-next-key-of-the-review-tests"
HTML = {"where": "media", "what": "html"}


@pytest.fixture
def make_small(open_account, tmp_path):
    """An account whose film is two shots of one second that do not continue each other."""
    catalog = small_catalog(tmp_path / "small.json")
    return functools.partial(open_account, keys=(KEY, OTHER), catalog=catalog, text=APART)


@pytest.fixture
def small(make_small):
    return make_small()


def wanted(account, shot="one", *, take=1, frame=None, text=None):
    return TakeSpec(account.resolve(text).shot(shot), take, frame)


def get(account, shot="one", *, budget=None, prepare=None, **more):
    """Obtain one take in a session of its own."""

    async def work():
        async with account.session(budget=budget) as session:
            if prepare is not None:
                prepare(session)
            return await ensure_take(session, wanted(account, shot, **more))

    return asyncio.run(work())


def leave_accepted(account, shot="one", **more):
    """Buy a take and end before its task does."""
    with pytest.raises(PollTimeoutError):
        get(account.using(longest_wait=0.05), shot, **more)
    assert account.phases()[shot] == "accepted"


class Wrapped:
    """A store that lets a test act around one kind of entry."""

    def __init__(self, store, kind, *, before=lambda: None, after=lambda: None):
        self._store, self._kind, self._before, self._after = store, f'"kind":"{kind}"', before, after

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put_if_absent(self, key, data, **options):
        ours = self._kind in data.decode().replace('": "', '":"')
        if ours:
            self._before()
        created = self._store.put_if_absent(key, data, **options)
        if ours:
            self._after()
        return created


def ledger_on(**options):
    """Give a session's ledger a store that acts; see `Wrapped`."""

    def prepare(session):
        use(session, ledger=Ledger(Wrapped(session.store, **options), session.ledger.account))

    return prepare


# -- claims that got old -------------------------------------------------------------------------------------------------


def test_a_claim_that_took_too_long_to_write_is_given_back(small, monkeypatch) -> None:
    ahead, posts_at_intent = [0.0], []
    # A claim may be 20 s old; the second one has 10 s of real time to go on.
    times = iter([21.0, 10.0])

    def after():
        ahead[0] += next(times)
        posts_at_intent.append(small.posts)

    submitting = importlib.import_module("longtake.take.submit")
    for module in (importlib.import_module("longtake.ledger.ledger"), submitting):
        monkeypatch.setattr(module, "elapsed", lambda: elapsed() + ahead[0])
    monkeypatch.setattr(submitting, "LOOK_AGAIN", 0.01)
    assert get(small, prepare=ledger_on(kind="intent", after=after)).state == "bought"
    assert posts_at_intent == [0, 0], "the old claim was not used"
    assert small.kinds()[:4] == ["intent", "not_sent", "intent", "accepted"]
    assert small.posts == 1


def test_a_machine_that_slept_while_it_connected_sends_nothing(small, monkeypatch) -> None:
    """The claim is young when the POST is begun, and too old when the connection stands."""
    ages = itertools.chain([0.0, 3600.0], itertools.repeat(0.0))
    submitting = importlib.import_module("longtake.take.submit")
    monkeypatch.setattr(submitting, "elapsed", lambda: elapsed() + next(ages))
    assert get(small).state == "bought"
    assert small.kinds()[:4] == ["intent", "not_sent", "intent", "accepted"]
    assert small.posts == 1


def test_a_claim_that_another_process_gave_up_sends_nothing(small, monkeypatch) -> None:
    monkeypatch.setattr(importlib.import_module("longtake.take.submit"), "LEASE", timedelta(0))

    def prepare(session):
        submit = session.account.provider.submit

        async def slow(body, *, fresh):
            attempt = next(iter(session.ledger.read().attempts.values()))
            small.ledger.in_doubt(attempt, "its lease ran out, by a clock that is ahead")
            async with asyncio.timeout(60):
                while fresh():  # noqa: ASYNC110 - the renewal finds out
                    await asyncio.sleep(0.01)
            return await submit(body, fresh=fresh)

        session.account.provider.submit = slow

    with pytest.raises(NotSentError, match="too old"):
        get(small, prepare=prepare)
    assert small.posts == 0


# -- other keys of the provider ------------------------------------------------------------------------------------------


def test_what_is_in_doubt_under_another_key_is_not_bought(small) -> None:
    small.faults({"where": "submit", "what": "drop-before", "times": 1})
    with pytest.raises(InDoubtError) as mine:
        get(small)
    other = small.using(api_key=OTHER)
    with pytest.raises(InDoubtError) as caught:
        get(other)
    assert (caught.value.attempt, caught.value.exit_code) == (mine.value.attempt, 4)
    assert small.ledger.account in str(caught.value)
    assert small.posts == 1
    assert get(other, "two").state == "bought", "other takes are free"
    small.ledger.resolve(mine.value.attempt, "not_charged", who="me", why="not in the list")
    assert get(other).state == "bought"


def test_what_is_in_doubt_under_one_of_many_keys_is_not_bought(small) -> None:
    small.faults({"where": "submit", "what": "drop-before", "times": 1})
    with pytest.raises(InDoubtError) as mine:
        get(small)
    for number in range(6):
        account = account_of(small.settings.host, f"yet-another-key-{number}")
        claim(Ledger(small.store, account), f"shot-{number}")
    with pytest.raises(InDoubtError) as caught:
        get(small.using(api_key=OTHER))
    assert (caught.value.attempt, small.posts) == (mine.value.attempt, 1)


def test_a_hole_in_the_ledger_of_another_key_stops_only_that_key(small, caplog) -> None:
    small.faults({"where": "submit", "what": "drop-before", "times": 1})
    with pytest.raises(InDoubtError) as mine:
        get(small)
    get(small, "two")
    account, head = small.ledger.account, small.ledger.read().head
    (small.folder / "ledger" / account / f"{head - 1:012d}.json").unlink()
    other = small.using(api_key=OTHER)
    with pytest.raises(InDoubtError, match=mine.value.attempt):
        get(other)
    assert f"ledger of account {account} counts up to entry {head - 2}" in caplog.text
    assert get(other, "two", take=2).state == "bought"
    books = plan.read_books(small.store, small.settings.host, "a-film", account=other.ledger.account)
    assert mine.value.attempt in {attempt.id for attempt in books.attempts}
    assert plan.read_books(small.store, small.settings.host, "a-film").attempts, (
        "a plan without a key does not stop at a hole"
    )
    with pytest.raises(LedgerGapError, match=account):
        get(small, "two", take=3)


def test_what_is_accepted_under_another_key_is_fetched_with_that_key(make_small) -> None:
    small = make_small(processing=3600)
    leave_accepted(small)
    other = small.using(api_key=OTHER)
    with pytest.raises(InDoubtError, match=r"open \(accepted\)") as caught:
        get(other)
    assert small.ledger.account in str(caught.value)
    small.advance()
    assert get(small).state == "bought"
    assert get(other).state == "current"
    assert small.posts == 1


def test_the_budget_of_a_film_counts_what_other_keys_spent(small) -> None:
    get(small, "one")
    other = small.using(api_key=OTHER)
    with pytest.raises(BudgetError):
        get(other, "two", budget=159)
    assert small.posts == 1
    assert get(other, "two", budget=160).state == "bought"


# -- halted runs and stale takes -----------------------------------------------------------------------------------------


def test_a_halted_run_still_fetches_what_is_bought(make_small) -> None:
    small = make_small(processing=3600)
    leave_accepted(small)
    halted = BudgetError("the film is over its budget", scope="film", budget=80, needed=80, available=0)

    def halt(session):
        session.spending.halted = halted

    with pytest.raises(BudgetError) as caught:
        get(small, "two", prepare=halt)
    assert caught.value is halted
    small.advance()
    assert get(small, "one", prepare=halt).state == "bought"
    assert small.phases() == {}
    assert small.posts == 1


def test_a_budget_that_stopped_a_run_does_so_only_until_there_is_room_again(small) -> None:
    """A task of another run reserves more than it costs."""

    async def work():
        async with small.session(budget=160) as session:
            other = claim(session.ledger, purchase("sea", film="a-film", expected=20, reserve=100)).attempt
            for shot in ("one", "two"):
                with pytest.raises(BudgetError) as caught:
                    await ensure_take(session, wanted(small, shot))
                assert caught.value is session.spending.halted
            session.ledger.accepted(other, "task_12345678")
            session.ledger.completed(other, 20)
            return await ensure_take(session, wanted(small, "two"))

    assert asyncio.run(work()).state == "bought"
    assert small.posts == 1


def test_a_stale_take_is_not_used_when_a_newer_one_is_bought(small) -> None:
    one = get(small, "one", text=CHAIN).take
    old = get(small, "two", frame=one.last_frame, text=CHAIN).take
    changed = CHAIN.replace("A harbor at night", "A harbor at noon")
    frame = get(small, "one", text=changed).take.last_frame
    small.faults(HTML)

    with pytest.raises(MediaError):
        get(small, "two", frame=frame, text=changed)
    assert small.phases() == {"two": "completed"}
    small.faults()
    newer = small.shoot(changed)["two"]
    assert newer.state == "bought"
    assert newer.take.fingerprint != old.fingerprint
    assert small.posts == 4


def test_what_nobody_wants_any_more_is_kept_all_the_same(make_small) -> None:
    small = make_small(processing=3600)
    leave_accepted(small)
    small.advance()

    async def work():
        async with small.session() as session:
            await session.account.balance(session.store)
            (attempt,) = session.ledger.read().attempts.values()
            return attempt.phase, await salvage(session.assets, session.ledger, attempt)

    phase, take = asyncio.run(work())
    assert phase == "completed"
    assert small.store.head(take.clip.key).size > 0
    assert small.phases() == {}
    assert small.kinds()[-1] == "settled"
    assert (get(small, "one").take, small.posts) == (take, 1)
    assert take.clip.sha256 in "".join(e.model_dump_json() for _, e in small.ledger.log.entries())


class Together:
    """A store whose users write the record of a take, and its settlement, at the same moment."""

    def __init__(self, store, meeting):
        self._store, self._meeting = store, meeting

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put_if_absent(self, key, data, **options):
        if key.startswith("takes/") or b'"settled"' in data:
            self._meeting.wait(60)
        return self._store.put_if_absent(key, data, **options)


def test_processes_that_keep_one_clip_at_once_keep_one_take_and_settle_it_once(make_small) -> None:
    small = make_small(processing=3600)
    leave_accepted(small)
    small.advance()

    async def see_it_end():
        async with small.session() as session:
            await session.account.balance(session.store)

    asyncio.run(see_it_end())
    meeting = threading.Barrier(3)

    async def keep():
        async with small.session() as session:
            store = Together(session.store, meeting)
            use(session, store=store, ledger=Ledger(store, session.ledger.account))
            (attempt,) = session.ledger.read().attempts.values()
            return await salvage(session.assets, session.ledger, attempt)

    with ThreadPoolExecutor(3) as pool:
        takes = list(pool.map(lambda _: asyncio.run(keep()), range(3)))
    assert takes == [takes[0]] * 3
    assert (small.kinds().count("settled"), len(list(small.store.list("takes/")))) == (1, 1)
    state = small.ledger.read()
    assert (state.films, state.debits, state.attempts) == ({"a-film": 80}, 80, {})
    assert small.books()["balance"] == 50_000 - 80
    assert (get(small).take, small.posts) == (takes[0], 1)


# -- plans ---------------------------------------------------------------------------------------------------------------


def test_takes_that_are_under_way_are_not_planned_again(make_small) -> None:
    small = make_small(processing=3600)
    text = HEAD + shot("one", "A harbor at night", "takes: 2")
    for number in (1, 2):
        leave_accepted(small, take=number, text=text)
        made = small.plan(text)
        (row,) = made.shots
        assert (row.state, row.to_buy, made.reserve) == ("under way", 2 - number, 80 * (2 - number))
        assert made.used.film == 80 * number


def test_shots_alike_in_everything_are_priced_once(small) -> None:
    text = HEAD + apart(shot("a", "The same"), shot("b", "The same"))
    made = small.plan(text)
    assert ([row.to_buy for row in made.shots], made.reserve) == ([1, 0], 80)
    assert get(small, "a", text=text).state == "bought"
    assert get(small, "b", text=text).state == "current"
    assert small.posts == 1


# -- ledgers that refuse -------------------------------------------------------------------------------------------------


def refuse(error):
    def before():
        raise error

    return before


@pytest.mark.parametrize(
    "error", [LedgerError("unreadable", key="k"), SettingsError("no longer a store"), RuntimeError("whatever")]
)
def test_a_task_id_that_cannot_be_written_is_in_the_error_whatever_stops_it(small, error) -> None:
    with pytest.raises(TaskIdNotRecordedError) as caught:
        get(small, prepare=ledger_on(kind="accepted", before=refuse(error)))
    (task,) = small.books()["tasks"]
    assert caught.value.task_id == task["id"]
    assert task["id"] in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [LedgerError("unreadable", key="k"), StoreError("away", key="k"), RuntimeError("whatever")]
)
def test_a_lost_answer_is_a_doubt_even_when_the_ledger_cannot_say_so(small, error, monkeypatch) -> None:
    monkeypatch.setattr(importlib.import_module("longtake.take.submit"), "RECORD_TRIES", 1)
    small.faults({"where": "submit", "what": "drop-after", "times": 1})
    with pytest.raises(InDoubtError) as caught:
        get(small, prepare=ledger_on(kind="in_doubt", before=refuse(error)))
    assert caught.value.credits == 80
    assert small.phases() == {"one": "intent"}, "it still holds the take"
    assert small.posts == 1


def test_a_store_that_takes_no_clip_costs_nothing_more(small) -> None:
    class Full:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        def put_file(self, *_, **__):
            raise OSError(28, "No space left on device")

    def fill(session):
        use(session, store=Full(session.store))

    with pytest.raises(OSError, match="No space left"):
        get(small, prepare=fill)
    assert small.phases() == {"one": "completed"}
    assert get(small).state == "bought"
    assert small.posts == 1


# -- inputs --------------------------------------------------------------------------------------------------------------


PINNED = HEAD + shot("one", "A harbor at night", "first_frame: pin.png")


def pinned(account, path, *, then=lambda: None, work=ensure_take):
    """Resolve the board, let something happen to its input, and go on."""
    path.write_bytes(png())
    spec = TakeSpec(account.resolve(PINNED, base=path.parent).shots[0], 1, None)
    then()

    async def go():
        async with account.session() as session:
            return await work(session, spec)

    return asyncio.run(go())


def test_an_input_that_was_edited_or_removed_meanwhile_is_not_sent(small, tmp_path) -> None:
    path = tmp_path / "pin.png"
    with pytest.raises(MediaError, match="changed while the run was under way"):
        pinned(small, path, then=lambda: path.write_bytes(png(200)))
    with pytest.raises(MediaError, match="can no longer be read"):
        pinned(small, path, then=path.unlink)
    assert (small.posts, small.kinds(), list(small.store.list("media/"))) == (0, [], [])
    assert pinned(small, path).state == "bought"


def test_the_text_of_a_prepared_request_holds_no_url(small, tmp_path) -> None:
    async def prepare(session, wanted):
        return await upload(session.assets, await identify(session.assets, wanted))

    prepared = pinned(small, tmp_path / "pin.png", work=prepare)
    assert small.settings.public_url in json.dumps(prepared.body)
    assert "http" not in repr(prepared)

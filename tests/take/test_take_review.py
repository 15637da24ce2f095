"""Takes under bad luck, of small cheap clips: old claims, other keys, halted runs, ledgers that refuse, inputs that change."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import itertools
import json
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from changing import use
from emulators import small_catalog
from purchases import claim, purchase
from pydantic import SecretStr
from shooting import quick_session

from longtake import plan
from longtake.catalog import Catalog
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
from longtake.ledger import Ledger
from longtake.ledger.elapsed import elapsed
from longtake.take import TakeSpec, ensure_take, identify, ledger_of, open_session, salvage, upload

KEY, OTHER = "key-of-the-review-tests", "the-next-key-of-the-review-tests"
FILM = "two-takes"
# A shot costs 80 credits.
HEAD = """
schema: longtake/1
title: Two Takes
model: seedance-2.5
defaults: {resolution: 480p, size: "16:9", duration: 1, generate_audio: false}
scenes:
- id: s
  shots:
"""
APART = HEAD + (
    '  - {id: one, prompt: "A harbor at night", continue_from: null}\n'
    '  - {id: two, prompt: "A boat leaves", continue_from: null}\n'
)
CHAIN = HEAD + '  - {id: one, prompt: "A harbor at night"}\n  - {id: two, prompt: "A boat leaves"}\n'
HTML = {"where": "media", "what": "html"}


@pytest.fixture
def make_small(make_studio, tmp_path):
    def make(**options):
        path = small_catalog(tmp_path / "small.json")
        studio = make_studio(keys=(KEY, OTHER), catalog=path, **options)
        settings = studio.settings.model_copy(update={"api_key": SecretStr(KEY), "catalog": path})
        return dataclasses.replace(studio, settings=settings, catalog=Catalog.load(path), board=APART)

    return make


@pytest.fixture
def small(make_small):
    return make_small()


def with_key(studio, key):
    return dataclasses.replace(studio, settings=studio.settings.model_copy(update={"api_key": SecretStr(key)}))


def ledger(studio):
    return ledger_of(studio.settings, studio.store)


def phases(studio):
    return {a.order.shot: a.phase for a in ledger(studio).read().attempts.values()}


def kinds(studio):
    return [entry.kind for _, entry in ledger(studio).log.entries()]


def wanted(studio, shot="one", *, take=1, frame=None, board=None):
    return TakeSpec(studio.resolved(board or studio.board).shot(shot), take, frame)


def get(studio, shot="one", *, budget=None, prepare=None, **more):
    """Obtain one take in a session of its own."""

    async def work():
        async with quick_session(studio.settings, catalog=studio.catalog, film=FILM, budget=budget) as session:
            if prepare is not None:
                prepare(session)
            return await ensure_take(session, wanted(studio, shot, **more))

    return asyncio.run(work())


def leave_accepted(studio, shot="one", **more):
    """Buy a take and end before its task does."""
    hurried = dataclasses.replace(studio, settings=studio.settings.model_copy(update={"longest_wait": 0.05}))
    with pytest.raises(PollTimeoutError):
        get(hurried, shot, **more)
    assert phases(studio)[shot] == "accepted"


def finish(studio):
    """Let every task of the emulator end now."""
    studio.provider.advance()


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
        posts_at_intent.append(small.posts())

    submitting = importlib.import_module("longtake.take.submit")
    for module in (importlib.import_module("longtake.ledger.ledger"), submitting):
        monkeypatch.setattr(module, "elapsed", lambda: elapsed() + ahead[0])
    monkeypatch.setattr(submitting, "_LOOK_AGAIN", 0.01)
    assert get(small, prepare=ledger_on(kind="intent", after=after)).state == "bought"
    assert posts_at_intent == [0, 0], "the old claim was not used"
    assert kinds(small)[:4] == ["intent", "not_sent", "intent", "accepted"]
    assert small.posts() == 1


def test_a_machine_that_slept_while_it_connected_sends_nothing(small, monkeypatch) -> None:
    """The claim is young when the POST is begun, and too old when the connection stands."""
    ages = itertools.chain([0.0, 3600.0], itertools.repeat(0.0))
    submitting = importlib.import_module("longtake.take.submit")
    monkeypatch.setattr(submitting, "elapsed", lambda: elapsed() + next(ages))
    assert get(small).state == "bought"
    assert kinds(small)[:4] == ["intent", "not_sent", "intent", "accepted"]
    assert small.posts() == 1


def test_a_claim_that_another_process_gave_up_sends_nothing(small, monkeypatch) -> None:
    monkeypatch.setattr(importlib.import_module("longtake.take.submit"), "LEASE", timedelta(0))

    def prepare(session):
        submit = session.account.provider.submit

        async def slow(body, *, fresh):
            attempt = next(iter(session.ledger.read().attempts.values()))
            ledger(small).in_doubt(attempt, "its lease ran out, by a clock that is ahead")
            async with asyncio.timeout(60):
                while fresh():  # noqa: ASYNC110 - the renewal finds out
                    await asyncio.sleep(0.01)
            return await submit(body, fresh=fresh)

        session.account.provider.submit = slow

    with pytest.raises(NotSentError, match="too old"):
        get(small, prepare=prepare)
    assert small.posts() == 0


# -- other keys of the provider ------------------------------------------------------------------------------------------


def test_what_is_in_doubt_under_another_key_is_not_bought(small) -> None:
    small.faults({"where": "submit", "what": "drop-before", "times": 1})
    with pytest.raises(InDoubtError) as mine:
        get(small)
    other = with_key(small, OTHER)
    with pytest.raises(InDoubtError) as caught:
        get(other)
    assert (caught.value.attempt, caught.value.exit_code) == (mine.value.attempt, 4)
    assert ledger(small).account in str(caught.value)
    assert small.posts() == 1
    assert get(other, "two").state == "bought", "other takes are free"
    ledger(small).resolve(mine.value.attempt, "not_charged", who="me", why="not in the list")
    assert get(other).state == "bought"


def test_a_hole_in_the_ledger_of_another_key_stops_only_that_key(small, caplog) -> None:
    small.faults({"where": "submit", "what": "drop-before", "times": 1})
    with pytest.raises(InDoubtError) as mine:
        get(small)
    get(small, "two")
    account, head = ledger(small).account, ledger(small).read().head
    (small.folder / "ledger" / account / f"{head - 1:012d}.json").unlink()
    other = with_key(small, OTHER)
    with pytest.raises(InDoubtError, match=mine.value.attempt):
        get(other)
    assert f"ledger of account {account} counts up to entry {head - 2}" in caplog.text
    assert get(other, "two", take=2).state == "bought"
    books = plan.read_books(small.store, small.settings.host, FILM, account=ledger(other).account)
    assert mine.value.attempt in {attempt.id for attempt in books.attempts}
    assert plan.read_books(small.store, small.settings.host, FILM).attempts, (
        "a plan without a key does not stop at a hole"
    )
    with pytest.raises(LedgerGapError, match=account):
        get(small, "two", take=3)


def test_what_is_accepted_under_another_key_is_fetched_with_that_key(make_small) -> None:
    small = make_small(processing=3600)
    leave_accepted(small)
    other = with_key(small, OTHER)
    with pytest.raises(InDoubtError, match=r"open \(accepted\)") as caught:
        get(other)
    assert ledger(small).account in str(caught.value)
    finish(small)
    assert get(small).state == "bought"
    assert get(other).state == "current"
    assert small.posts() == 1


def test_the_budget_of_a_film_counts_what_other_keys_spent(small) -> None:
    get(small, "one")
    other = with_key(small, OTHER)
    with pytest.raises(BudgetError):
        get(other, "two", budget=159)
    assert small.posts() == 1
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
    finish(small)
    assert get(small, "one", prepare=halt).state == "bought"
    assert phases(small) == {}
    assert small.posts() == 1


def test_a_budget_that_stopped_a_run_does_so_only_until_there_is_room_again(small) -> None:
    """A task of another run reserves more than it costs."""

    async def work():
        async with quick_session(small.settings, catalog=small.catalog, film=FILM, budget=160) as session:
            other = claim(session.ledger, purchase("sea", film=FILM, expected=20, reserve=100)).attempt
            for shot in ("one", "two"):
                with pytest.raises(BudgetError) as caught:
                    await ensure_take(session, wanted(small, shot))
                assert caught.value is session.spending.halted
            session.ledger.accepted(other, "task_12345678")
            session.ledger.completed(other, 20)
            return await ensure_take(session, wanted(small, "two"))

    assert asyncio.run(work()).state == "bought"
    assert small.posts() == 1


def test_a_stale_take_is_not_used_when_a_newer_one_is_bought(small) -> None:
    one = get(small, "one", board=CHAIN).take
    old = get(small, "two", frame=one.last_frame, board=CHAIN).take
    changed = CHAIN.replace("A harbor at night", "A harbor at noon")
    frame = get(small, "one", board=changed).take.last_frame
    small.faults(HTML)

    with pytest.raises(MediaError):
        get(small, "two", frame=frame, board=changed)
    assert phases(small) == {"two": "completed"}
    small.faults()
    newer = small.film(changed)["two"]
    assert newer.state == "bought"
    assert newer.take.fingerprint != old.fingerprint
    assert small.posts() == 4


def test_what_nobody_wants_any_more_is_kept_all_the_same(make_small) -> None:
    small = make_small(processing=3600)
    leave_accepted(small)
    finish(small)

    async def work():
        async with open_session(small.settings, catalog=small.catalog, film=FILM, budget=None) as session:
            await session.account.balance(session.store)
            (attempt,) = session.ledger.read().attempts.values()
            return attempt.phase, await salvage(session.assets, session.ledger, attempt)

    phase, take = asyncio.run(work())
    assert phase == "completed"
    assert small.store.head(take.clip.key).size > 0
    assert phases(small) == {}
    assert kinds(small)[-1] == "settled"
    assert (get(small, "one").take, small.posts()) == (take, 1)
    assert take.clip.sha256 in "".join(e.model_dump_json() for _, e in ledger(small).log.entries())


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
    finish(small)

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
    assert (kinds(small).count("settled"), len(list(small.store.list("takes/")))) == (1, 1)
    state = ledger(small).read()
    assert (state.films, state.debits, state.attempts) == ({FILM: 80}, 80, {})
    assert small.books()["balance"] == 50_000 - 80
    assert (get(small).take, small.posts()) == (takes[0], 1)


# -- plans ---------------------------------------------------------------------------------------------------------------


def test_takes_that_are_under_way_are_not_planned_again(make_small) -> None:
    small = make_small(processing=3600)
    board = HEAD + '  - {id: one, prompt: "A harbor at night", takes: 2}\n'
    for number in (1, 2):
        leave_accepted(small, take=number, board=board)
        made = plan.make(
            small.resolved(board), catalog=small.catalog, store=small.store, settings=small.settings, film=FILM
        )
        (row,) = made.shots
        assert (row.state, row.to_buy, made.reserve) == ("under way", 2 - number, 80 * (2 - number))
        assert made.used.film == 80 * number


def test_shots_alike_in_everything_are_priced_once(small) -> None:
    board = HEAD + "".join(f'  - {{id: {name}, prompt: "The same", continue_from: null}}\n' for name in "ab")
    made = plan.make(
        small.resolved(board), catalog=small.catalog, store=small.store, settings=small.settings, film=FILM
    )
    assert ([row.to_buy for row in made.shots], made.reserve) == ([1, 0], 80)
    assert get(small, "a", board=board).state == "bought"
    assert get(small, "b", board=board).state == "current"
    assert small.posts() == 1


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
    monkeypatch.setattr(importlib.import_module("longtake.take.submit"), "_RECORD_TRIES", 1)
    small.faults({"where": "submit", "what": "drop-after", "times": 1})
    with pytest.raises(InDoubtError) as caught:
        get(small, prepare=ledger_on(kind="in_doubt", before=refuse(error)))
    assert caught.value.credits == 80
    assert phases(small) == {"one": "intent"}, "it still holds the take"
    assert small.posts() == 1


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
    assert phases(small) == {"one": "completed"}
    assert get(small).state == "bought"
    assert small.posts() == 1


# -- inputs --------------------------------------------------------------------------------------------------------------


def write_png(path, shade):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 64, 36, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * 64) * 36)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


PINNED = HEAD + '  - {id: one, prompt: "A harbor at night", first_frame: pin.png, continue_from: null}\n'


def pinned(studio, path, *, then=lambda: None, work=ensure_take):
    """Resolve the board, let something happen to its input, and go on."""
    write_png(path, 100)
    shot = studio.resolved(PINNED, base=path.parent).shots[0]
    then()

    async def go():
        async with studio.session() as session:
            return await work(session, TakeSpec(shot, 1, None))

    return asyncio.run(go())


def test_an_input_that_was_edited_or_removed_meanwhile_is_not_sent(small, tmp_path) -> None:
    path = tmp_path / "pin.png"
    with pytest.raises(MediaError, match="changed while the run was under way"):
        pinned(small, path, then=lambda: write_png(path, 200))
    with pytest.raises(MediaError, match="can no longer be read"):
        pinned(small, path, then=path.unlink)
    assert (small.posts(), kinds(small), list(small.store.list("media/"))) == (0, [], [])
    assert pinned(small, path).state == "bought"


def test_the_text_of_a_prepared_request_holds_no_url(small, tmp_path) -> None:
    async def prepare(session, wanted):
        return await upload(session.assets, await identify(session.assets, wanted))

    prepared = pinned(small, tmp_path / "pin.png", work=prepare)
    assert small.settings.public_url in json.dumps(prepared.body)
    assert "http" not in repr(prepared)

"""`longtake.Studio` makes films and clips from Python, with each credit accounted for."""

from __future__ import annotations

import asyncio
import dataclasses
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import pytest
from accounts import PRICE

from longtake import Answer, Approval, Observer, Studio, reconciliation
from longtake.errors import BudgetError, FilmIncompleteError, InDoubtError, SettingsError
from longtake.storyboard import slug
from longtake.studio import clips


class Noting(Observer):
    """Notes what it is told, and the steps it runs."""

    def __init__(self):
        self.events = []
        self.steps = []

    def notify(self, event):
        self.events.append(event)

    async def around(self, step, call):
        self.steps.append((step.name, step.label))
        return await call()

    def names(self, prefix=""):
        return [event.name for event in self.events if event.name and event.name.startswith(prefix)]


class Failing(Observer):
    def notify(self, event):
        raise RuntimeError(f"fails on {event.name}")


def test_a_plan_costs_nothing_and_says_what_a_film_costs(account, studio):
    before = account.received()
    plan = studio.plan(account.board("first", "second"))
    assert (plan.expected, [shot.to_buy for shot in plan.shots]) == (2 * PRICE, [1, 1])
    assert account.received() == before


def test_a_film_is_bought_once(account, studio):
    board = account.board("first", "second")
    film = asyncio.run(studio.make(board, budget=2 * PRICE))
    assert film.path.is_file()
    assert {name: shot.state for name, shot in film.shots.items()} == {"first": "bought", "second": "bought"}
    assert film.cost.charged == 2 * PRICE
    again = studio.make_sync(board)
    assert {shot.state for shot in again.shots.values()} == {"current"}
    assert (again.place, again.cost.charged) == (film.place, 0)
    assert account.bought() == {"first": 1, "second": 1}
    (line,) = studio.credits()
    assert (line.film, line.settled) == ("a-film", 2 * PRICE)
    assert {line.shot for line in studio.credits("a-film")} == {"first", "second"}
    report = asyncio.run(studio.reconcile())
    assert (report.drift, report.in_doubt) == (0, [])
    assert studio.reconcile_sync().drift == 0


def test_without_await_where_a_loop_is_running(account, studio):
    async def notebook():
        film = studio.make_sync(account.board("first"))
        take = studio.generate_sync(account.shot("second"), continue_from=film.shots["first"].take)
        joined = studio.concatenate_sync([film.shots["first"].take, take], title="Both")
        assert studio.reconcile_sync().drift == 0
        return joined

    joined = asyncio.run(notebook())
    assert joined.path.is_file()
    assert len(joined.shots) == 2
    assert account.bought() == {"first": 1, "second": 1}


def test_clips_side_by_side_are_concatenated(account, studio):
    async def main():
        takes = await asyncio.gather(*(studio.generate(account.shot(name)) for name in ("a", "b", "c")))
        return await studio.concatenate(takes, title="Three")

    film = asyncio.run(main())
    assert film.path.is_file()
    assert [shot.label for shot in film.shots.values()] == ["clips/a", "clips/b", "clips/c"]
    assert account.bought() == {"a": 1, "b": 1, "c": 1}
    assert account.ledger.read().expected_balance is not None


def test_the_same_clip_asked_for_twice_at_once_is_bought_once(account, studio):
    async def main():
        return await asyncio.gather(*(studio.generate(account.shot()) for _ in range(4)))

    takes = asyncio.run(main())
    assert len({take.task_id for take in takes}) == 1
    assert account.bought() == {"waves": 1}


def test_a_run_keeps_to_its_budget(account, studio):
    async def main():
        wanted = [studio.generate(account.shot(f"s{n}"), run="a-run", budget=2 * PRICE) for n in range(4)]
        return await asyncio.gather(*wanted, return_exceptions=True)

    errors = [one for one in asyncio.run(main()) if isinstance(one, BaseException)]
    assert [type(error) for error in errors] == [BudgetError, BudgetError]
    assert sum(account.bought().values()) == 2


def test_an_incomplete_film_carries_what_there_is(account, studio):
    account.fault({"what": "fail-80003", "times": 5}, shot="second")
    with pytest.raises(FilmIncompleteError) as caught:
        asyncio.run(studio.make(account.board("first", "second", "third")))
    film = caught.value.film
    assert film.path is None
    assert {name: shot.state for name, shot in film.shots.items()} == {
        "first": "bought",
        "second": "failed",
        "third": "blocked",
    }
    assert film.would_cost == 2 * PRICE
    assert account.bought() == {"first": 1, "second": 0}


@pytest.mark.parametrize("answer", [Answer(approve=True, by="me"), Answer(approve=False, by="me"), None])
def test_a_function_approves(account, studio, answer):
    asked = []

    async def approve(question):
        asked.append(question)
        return answer

    board = account.board("first")
    if answer is not None and answer.approve:
        film = asyncio.run(studio.make(board, approval=Approval(before=["spending"]), approve=approve))
        assert film.path is not None
    else:
        with pytest.raises(BudgetError):
            asyncio.run(studio.make(board, approval=Approval(before=["spending"]), approve=approve))
    assert len(asked) == 1
    assert account.bought() == ({"first": 1} if answer is not None and answer.approve else {})


def test_an_approval_needs_a_function(account, studio):
    with pytest.raises(SettingsError):
        asyncio.run(studio.make(account.board("first"), approval=Approval(before=["spending"])))
    assert account.bought() == {}


def test_observers_are_told_in_order(account):
    noting = Noting()
    studio = Studio.from_env(observers=[noting])
    asyncio.run(studio.make(account.board("first", "second")))
    names = noting.names()
    assert (names[0], names[-1]) == ("film.started", "film.ready")
    assert noting.steps[-1] == ("concatenate", "film a-film")
    # The second shot is bought while the first clip is still ingested: only within a shot is there an order.
    for shot, first in (("s/first", ()), ("s/second", ("upload",))):
        steps = [name for name, label in noting.steps if label.startswith(shot)]
        assert steps == [*first, "submit", "poll", "ingest"]
        events = [event.name for event in noting.events if str(event.data.get("shot", "")).startswith(shot)]
        assert events == ["attempt.accepted", "take.kept", "shot.done"]


def test_observers_are_told_of_clips(account):
    noting = Noting()
    studio = Studio.from_env(observers=[noting])
    account.fault({"what": "fail-80003"})
    asyncio.run(studio.generate(account.shot()))
    assert noting.names() == [
        "attempt.accepted",
        "attempt.failed",
        "attempt.refunded",
        "attempt.accepted",
        "take.kept",
    ]


def test_an_observer_that_fails_changes_nothing(account):
    noting = Noting()
    studio = Studio.from_env(observers=[Failing(), noting])
    film = asyncio.run(studio.make(account.board("first")))
    assert film.path.is_file()
    assert noting.names("take.") == ["take.kept"]


@pytest.mark.parametrize("how", [pickle, cloudpickle])
def test_a_studio_pickles_and_shows_no_key(account, how):
    studio = Studio.from_env(observers=[Noting()])
    other = how.loads(how.dumps(studio))
    assert other.settings == studio.settings
    take = asyncio.run(other.generate(account.shot()))
    assert asyncio.run(studio.generate(account.shot())) == take
    assert account.bought() == {"waves": 1}
    for shown in (repr(studio), repr(studio.settings), str(studio), repr(vars(studio))):
        assert account.key not in shown


def test_the_parts_give_values_that_show_no_url(account, studio):
    """The values of the four parts, with a picture among the inputs, which the provider reads at a URL."""
    from longtake.studio.connections import connected

    async def main():
        first = await studio.generate(account.shot("first"))
        async with connected(studio.settings, film="clips", run="a-run") as session:
            request = await clips.upload(session, account.shot("second"), continue_from=first)
            purchase = await clips.submit(session, request)
            generation = await clips.poll(session, purchase)
            take = await clips.ingest(session, generation)
            return first, request, purchase, generation, take

    for value in asyncio.run(main()):
        for how in (pickle, cloudpickle):
            same = how.loads(how.dumps(value))
            assert same == value
            assert repr(same) == repr(value)
        assert "http" not in repr(value)
        assert account.key not in repr(value)
        if dataclasses.is_dataclass(value):
            with pytest.raises(dataclasses.FrozenInstanceError):
                value.take = None


def test_a_part_of_a_clip_refuses_another_store_than_the_part_before_it(account, studio, tmp_path):
    from longtake.studio.connections import connected

    elsewhere = studio.settings.model_copy(update={"store": str(tmp_path / "elsewhere")})

    async def main():
        async with (
            connected(studio.settings, film="clips", run="a-run") as here,
            connected(elsewhere, film="clips", run="a-run") as there,
        ):
            request = await clips.upload(here, account.shot("only"))
            with pytest.raises(SettingsError, match="was prepared for"):
                await clips.submit(there, request)
            purchase = await clips.submit(here, request)
            with pytest.raises(SettingsError, match="same credentials and the same store"):
                await clips.poll(there, purchase)
            return await clips.ingest(here, await clips.poll(here, purchase))

    assert asyncio.run(main()).credits == PRICE
    assert account.bought() == {"only": 1}


def test_a_film_leaves_a_clip_alone_that_is_accounted_to_it(account, studio):
    """A clip that was bought and not ingested yet is not taken for a left-over of the film."""
    from longtake.studio.connections import connected

    board = account.board("one")
    film = slug(board.title)

    async def begin():
        async with connected(studio.settings, film=film, run="a-run") as session:
            request = await clips.upload(session, account.shot("alone"))
            return await clips.poll(session, await clips.submit(session, request))

    asyncio.run(begin())
    studio.make_sync(board)
    take = asyncio.run(studio.generate(account.shot("alone"), film=film))
    assert take.credits == PRICE
    assert account.bought() == {"alone": 1, "one": 1}, "it is fetched, not bought again"


def test_a_run_of_a_process_is_made_ready_once(account, studio, monkeypatch):
    """The preflight and the first reading of the balance come once in a run, whichever thread is first."""
    from longtake import preflight

    ready = []
    real = preflight.check
    monkeypatch.setattr(preflight, "check", lambda *args, **named: ready.append(args) or real(*args, **named))
    names = [f"s{number}" for number in range(6)]

    def one(name):
        return studio.generate_sync(account.shot(name), run="a-run")

    with ThreadPoolExecutor(6) as pool:
        takes = list(pool.map(one, names))
    assert len({take.task_id for take in takes}) == 6
    assert len(ready) == 1
    assert account.bought() == dict.fromkeys(names, 1)


def test_takes_in_flight_are_limited_for_a_whole_run(account, monkeypatch):
    """Threads have loops and sessions of their own; the limit is the run's."""
    monkeypatch.setenv("LONGTAKE_MAX_IN_FLIGHT", "2")
    account.fault({"what": "slow", "seconds": 3600, "times": 4})
    counting = Counting()
    studio = Studio.from_env(observers=[counting])
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(studio.generate_sync, account.shot(f"s{n}"), run="a-run") for n in range(4)]
        for _ in range(4):
            counting.bought.acquire()
            account.advance()
        for job in jobs:
            job.result()
    assert counting.most == 2
    assert sum(account.bought().values()) == 4


class Counting(Observer):
    """Counts the takes between their purchase and the end of their poll."""

    def __init__(self):
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.bought = threading.Semaphore(0)

    async def around(self, step, call):
        if step.name == "submit":
            with self._lock:
                self._now += 1
                self.most = max(self.most, self._now)
        found = await call()
        if step.name == "submit":
            self.bought.release()
        if step.name == "poll":
            with self._lock:
                self._now -= 1
        return found


def test_a_store_that_was_replaced_is_read_again(account, studio):
    """A folder that is deleted and made again, as while trying things out in a notebook, gets a ledger without a gap."""
    asyncio.run(studio.generate(account.shot("first")))
    for path in account.folder.iterdir():
        shutil.rmtree(path)
    asyncio.run(studio.generate(account.shot("second")))
    sequences = [sequence for sequence, _ in account.ledger.log.entries()]
    assert sequences == list(range(1, len(sequences) + 1))
    assert account.ledger.read().films == {"clips": PRICE}


def test_a_doubt_of_a_clip_bought_alone_is_settled_by_the_balance(account, studio):
    """The account is open before the first purchase, so that a lost answer needs no person where nothing was charged."""
    account.fault({"what": "drop-before", "times": 1})
    with pytest.raises(InDoubtError):
        asyncio.run(studio.generate(account.shot()))
    _, report = asyncio.run(reconciliation.run(studio.settings, quiet=0, longest=0))
    assert len(report.not_charged) == 1
    asyncio.run(studio.generate(account.shot()))
    assert account.bought() == {"waves": 1}


def test_observers_are_told_of_a_doubt(account):
    noting = Noting()
    account.fault({"what": "drop-after", "times": 1})
    with pytest.raises(InDoubtError):
        asyncio.run(Studio.from_env(observers=[noting]).generate(account.shot()))
    assert noting.names() == ["attempt.in-doubt"]


SCRIPT = """
import longtake as lt, sys
from longtake.studio import film_run

# The test must not depend on how busy the machine is.
film_run._LAST_WORDS = 100

def board():
    small = {"model": "seedance-2.5", "resolution": "480p", "size": "16:9", "duration": 1, "generate_audio": False}
    return lt.Storyboard(title="Stopped", scenes=[lt.Scene("s", [lt.Shot("first", sys.argv[1], **small)])])

class Saying(lt.Observer):
    def notify(self, event):
        if event.name:
            print(event.name, flush=True)

def main():
    lt.Studio.from_env(observers=[Saying()]).make_sync(board())

async def notebook():
    main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("caller", ["main()", "import asyncio; asyncio.run(notebook())"])
def test_ctrl_c_ends_a_script_and_loses_nothing(account, studio, caller):
    account.fault({"what": "slow", "seconds": 3600})
    words = [sys.executable, "-c", f"{SCRIPT}\n{caller}", f"{account.marker} first, wide shot"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as script:
        said = [script.stdout.readline().strip() for _ in range(2)]
        assert said == ["film.started", "attempt.accepted"]
        script.send_signal(signal.SIGINT)
        out, err = script.communicate(timeout=120)
    assert "film.cancelled" in out, err
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert script.returncode in {-signal.SIGINT, 130, 1}
    (attempt,) = account.ledger.read().attempts.values()
    assert (attempt.phase, attempt.task_id) == ("accepted", account.tasks()[0]["id"])
    account.advance()
    film = studio.make_sync(account.board("first", title="Stopped"))
    assert film.shots["first"].take.task_id == attempt.task_id
    assert account.bought() == {"first": 1}

"""The log on a folder and on S3: what a reader asks of the store, what it gets while others write, and its history."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import pytest
from purchases import claim, purchase

from longtake import store as stores
from longtake.errors import LedgerError, LedgerGapError
from longtake.ledger import CHECKPOINT_EVERY, Ledger, LedgerState, account_of, accounts_in, fold
from longtake.ledger.entries import digest_of

ACCOUNT = "account"


@pytest.fixture(params=["local", "s3"])
def store(request, tmp_path):
    return stores.open(str(tmp_path / "store")) if request.param == "local" else request.getfixturevalue("s3_store")


@pytest.fixture
def local(tmp_path):
    return stores.open(str(tmp_path / "store"))


def buy(ledger, number, *, settle=True):
    attempt = claim(ledger, number).attempt
    ledger.accepted(attempt, f"task_{number:08d}")
    if settle:
        ledger.completed(attempt, 90 + number % 20)
        ledger.settled(attempt, clip="c" * 64)


def replay(entries, until=None):
    state = LedgerState()
    for sequence, entry in entries:
        if until is not None and sequence > until:
            break
        fold.apply(state, sequence, entry)
    return state


def closings(entries):
    """The entry that closed each attempt, and the attempt: what `history` has to tell."""
    state, found = LedgerState(), []
    for sequence, entry in entries:
        known = len(state.closed) if sequence % CHECKPOINT_EVERY != 1 else 0
        fold.apply(state, sequence, entry)
        found += [(sequence, c.id, c.outcome, c.charged) for c in state.closed[known:]]
    return found


class Watching:
    """A store that counts what is asked of it, and how many questions were open at once."""

    def __init__(self, inner, *, forget=()):
        self.inner = inner
        self.forget = forget
        self.lock = threading.Lock()
        self.open, self.most = 0, 0
        self.got, self.listed = [], []

    def __getattr__(self, name):
        return getattr(self.inner, name)

    @contextmanager
    def _asked(self):
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            yield
        finally:
            with self.lock:
                self.open -= 1

    def get(self, key, **options):
        self.got.append(key)
        with self._asked():
            return None if any(part in key for part in self.forget) else self.inner.get(key, **options)

    def list(self, prefix, **options):
        self.listed.append((prefix, options))
        return iter(()) if prefix.partition("/checkpoints")[1] in self.forget else self.inner.list(prefix, **options)


def test_a_reader_asks_for_the_newest_checkpoint_and_what_came_after(store) -> None:
    ledger = Ledger(store, ACCOUNT)
    for number in range(CHECKPOINT_EVERY // 4):
        buy(ledger, number)
    for number in range(1000, 1007):
        claim(ledger, number)
    head = ledger.read().head
    assert head == CHECKPOINT_EVERY + 7
    watching = Watching(store)
    assert Ledger(watching, ACCOUNT).read() == ledger.read() == replay(ledger.log.entries())
    assert watching.listed == [
        (f"ledger/{ACCOUNT}/checkpoints/", {"limit": 1, "after": None}),
        (f"ledger/{ACCOUNT}/", {"limit": 1, "after": f"ledger/{ACCOUNT}/{head + 1:012d}.json"}),
    ]
    assert sum("checkpoints" in key for key in watching.got) == 1
    assert len(watching.got) <= 1 + 7 + 16


def test_a_reader_without_checkpoints_reads_ahead_where_the_store_is_far(store) -> None:
    ledger = Ledger(store, ACCOUNT)
    for number in range(25):
        buy(ledger, number)
    watching = Watching(store, forget=("/checkpoints",))
    assert Ledger(watching, ACCOUNT).read() == ledger.read()
    entries = [key for key in watching.got if "checkpoints" not in key]
    assert len(set(entries)) == len(entries), "no entry is asked for twice"
    if store.path("x") is None:
        assert watching.most > 4, "entries come side by side"
        assert len(entries) <= 100 + 16
    else:
        assert (watching.most, len(entries)) == (1, 101)


@pytest.mark.slow
def test_readers_see_one_order_while_others_write(store) -> None:
    each, writers = (30, 4) if store.path("x") is not None else (5, 3)
    done = threading.Event()
    seen: list[LedgerState] = []
    failed: list[BaseException] = []

    def guarded(work):
        def run():
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told below
                failed.append(error)

        return threading.Thread(target=run)

    def write(writer):
        ledger = Ledger(store, ACCOUNT)
        for number in range(writer * 1000, writer * 1000 + each):
            buy(ledger, number, settle=number % 3 > 0)

    def read():
        ledger = Ledger(store, ACCOUNT)
        while not done.is_set():
            seen.append(ledger.read())
            seen.append(Ledger(store, ACCOUNT).read())

    threads = [guarded(lambda w=w: write(w)) for w in range(writers)]
    reader = guarded(read)
    for thread in [*threads, reader]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert not failed
    last, entries = Ledger(store, ACCOUNT).read(), list(Ledger(store, ACCOUNT).log.entries())
    assert last == replay(entries)
    assert sum(last.films.values()) + last.held() > 0
    assert [s.head for s in seen[::2]] == sorted(s.head for s in seen[::2]), "a reader never goes back"
    for state in seen[:: max(1, len(seen) // 5)]:
        assert state == replay(entries, state.head), "what was read is a prefix of the one order"


def test_what_was_read_does_not_change_with_the_log(local) -> None:
    ledger = Ledger(local, ACCOUNT)
    shown = []

    def look():
        state = ledger.read()
        shown.append((state, state.model_dump_json()))

    for number in range(30):
        attempt = claim(ledger, number).attempt
        look()
        ledger.renew(attempt)
        look()
        match number % 5:
            case 0:
                ledger.in_doubt(attempt, "lost")
                look()
                ledger.resolve(attempt.id, "written_off", who="me", why="gone")
            case 1:
                ledger.refused(attempt, status=400, code=None, message="no")
            case 2:
                ledger.accepted(attempt, f"task_{number:08d}")
                look()
                ledger.failed(attempt, code=80003, message="no", retryable=True)
            case _:
                ledger.accepted(attempt, f"task_{number:08d}")
                look()
                ledger.completed(attempt, 80 + number)
                look()
                ledger.settled(attempt, clip="c" * 64)
        look()
    assert ledger.read().head > CHECKPOINT_EVERY
    assert all(state.model_dump_json() == text for state, text in shown)
    assert claim(ledger, 99).attempt is not claim(ledger, 99).attempt, "a claim's attempt is the claimant's own"


def told(closed):
    return [(c.id, c.outcome, c.charged) for c in closed]


def test_history_is_the_same_with_and_without_checkpoints(store) -> None:
    ledger = Ledger(store, ACCOUNT)
    for number in range(80 if store.path("x") is not None else 20):
        buy(ledger, number, settle=number % 7 > 0)
    truth = closings(ledger.log.entries())
    whole, head = [line[1:] for line in truth], ledger.read().head
    assert len(whole) > head // 6
    assert told(ledger.log.history()) == whole
    watching = Watching(store)
    assert told(Ledger(watching, ACCOUNT).log.history()) == whole
    assert sum("checkpoints" not in key for key in watching.got) <= 2 * CHECKPOINT_EVERY + 32
    assert told(Ledger(Watching(store, forget=("/checkpoints",)), ACCOUNT).log.history()) == whole
    for since in (1, CHECKPOINT_EVERY, head, head + 100):
        found = told(ledger.log.history(since=since))
        assert found == whole[len(whole) - len(found) :], "only the oldest are left out"
        assert len(found) >= sum(sequence > since for sequence, *_ in truth)
    for until in (1, CHECKPOINT_EVERY, CHECKPOINT_EVERY + 3, head):
        assert told(ledger.log.history(until=until)) == [line[1:] for line in truth if line[0] <= until]


def test_a_checkpoint_of_another_release_is_read_past(local) -> None:
    ledger = Ledger(local, ACCOUNT)
    for number in range(40):
        buy(ledger, number)
    whole, state = told(ledger.log.history()), ledger.read()
    for key in local.list(f"ledger/{ACCOUNT}/checkpoints/"):
        local.path(key).write_text(json.dumps({"v": 2, "state": {"closed": "elsewhere"}}))
    late = Ledger(local, ACCOUNT)
    assert late.read() == state
    assert told(late.log.history()) == whole


def test_a_lost_entry_is_named(local) -> None:
    ledger = Ledger(local, ACCOUNT)
    for number in range(20):
        buy(ledger, number)
    for key in local.list(f"ledger/{ACCOUNT}/checkpoints/"):
        local.path(key).unlink()
    local.path(f"ledger/{ACCOUNT}/{7:012d}.json").unlink()
    with pytest.raises(LedgerError, match="entry 7 of account is missing"):
        list(ledger.log.history())


def lose(store, *sequences):
    for sequence in sequences:
        store.path(f"ledger/{ACCOUNT}/{sequence:012d}.json").unlink()


@pytest.mark.parametrize("lost", [(9,), (1, 2, 3), (8, 9)])
def test_a_hole_in_the_log_is_found_before_anything_is_bought(local, lost) -> None:
    ledger = Ledger(local, ACCOUNT)
    for number in range(3):
        buy(ledger, number, settle=number < 2)
    lose(local, *lost)
    late = Ledger(local, ACCOUNT)
    for use in (late.read, lambda: claim(late, 7)):
        with pytest.raises(LedgerGapError, match=f"entry {lost[0]} of account is missing") as caught:
            use()
        assert caught.value.exit_code == 4


def test_a_hole_that_comes_while_a_process_works_stops_its_next_purchase(local) -> None:
    mine, other = Ledger(local, ACCOUNT), Ledger(local, ACCOUNT)
    mine.read()
    buy(other, 1)
    lose(local, 1)
    with pytest.raises(LedgerGapError, match="entry 1 of account"):
        claim(mine, 2)


def test_a_hole_that_a_running_writer_fills_stops_the_next_purchase(local) -> None:
    """Its outcome lands in the place of another's lost intent: what that one claimed must not be bought again."""
    mine, other = Ledger(local, ACCOUNT), Ledger(local, ACCOUNT)
    attempt = claim(mine, 1).attempt
    theirs = claim(other, 2).attempt
    other.accepted(theirs, "task_00000002")
    lose(local, 2)
    mine.accepted(attempt, "task_00000001")
    for ledger in (mine, Ledger(local, ACCOUNT)):
        with pytest.raises(LedgerGapError, match="entry 2 of account is not the one that entry 3 names before it"):
            claim(ledger, 2)


def test_a_hole_behind_the_newest_checkpoint_is_found_before_the_money_and_not_after_it(local) -> None:
    ledger = Ledger(local, ACCOUNT)
    for number in range(CHECKPOINT_EVERY // 2):
        buy(ledger, number)
    bought, lost = claim(ledger, 1000).attempt, claim(ledger, 1001).attempt
    ledger.in_doubt(lost, "lost")
    first, *_ = reversed(list(local.list(f"ledger/{ACCOUNT}/checkpoints/")))
    local.path(first).unlink()
    lose(local, 7)
    head = ledger.read().head
    with pytest.raises(LedgerGapError, match="entry 7 of account is missing"):
        claim(Ledger(local, ACCOUNT), 1002)
    assert Ledger(local, ACCOUNT).read().head == head, "no intent"
    Ledger(local, ACCOUNT).accepted(bought, "task_00001000")
    Ledger(local, ACCOUNT).adopt(lost.id, "task_00001001", who="me", why="found")
    assert {a.task_id for a in ledger.read().attempts.values()} == {"task_00001000", "task_00001001"}


def test_the_ledger_of_an_emulator_with_the_same_key_is_not_the_providers(local) -> None:
    hosts = ("api.example.com", "proxy.example.com", "localhost", "127.0.0.1", "::1")
    names = [account_of(host, "one key") for host in hosts]
    for name in names:
        claim(Ledger(local, name), 1)
    for real in (0, 1):
        assert sorted(accounts_in(local, host=hosts[real])) == sorted(names[:2])
    for emulated in (2, 3, 4):
        assert sorted(accounts_in(local, host=hosts[emulated])) == sorted(names[2:])


def test_each_entry_names_the_one_before_it(store) -> None:
    """Also behind a checkpoint, and behind an entry of a release that wrote no digests."""
    for number in range(CHECKPOINT_EVERY // 4):
        buy(Ledger(store, ACCOUNT), number)
    old = {"v": 1, "kind": "adjusted", "at": "2026-11-22T12:00:00Z", "by": "h/-/1/-", "nonce": "n", "credits": 0}
    old |= {"who": "me", "why": "an entry of an earlier release"}
    store.put_if_absent(f"ledger/{ACCOUNT}/{CHECKPOINT_EVERY + 1:012d}.json", json.dumps(old).encode())
    claim(Ledger(store, ACCOUNT), 1000)
    entries = [store.get(f"ledger/{ACCOUNT}/{n:012d}.json") for n in range(1, CHECKPOINT_EVERY + 3)]
    named = [json.loads(data).get("before") for data in entries]
    expected = [None, *map(digest_of, entries[:-1])]
    expected[CHECKPOINT_EVERY] = None
    assert named == expected


def test_a_damaged_checkpoint_is_read_past(local) -> None:
    ledger = Ledger(local, ACCOUNT)
    for number in range(20):
        buy(ledger, number)
    (key,) = local.list(f"ledger/{ACCOUNT}/checkpoints/")
    path = local.path(key)
    damaged = path.read_text().replace('"debits":', '"debits":1')
    path.unlink()
    path.write_text(damaged)
    assert Ledger(local, ACCOUNT).read() == ledger.read()


GOLDEN = """
{"kind": "intent", "order": ORDER, "number": 1, "lease_until": "2026-11-22T12:00:30Z", "body": {}}
{"kind": "accepted", "attempt": "a1", "task_id": "task_00000001"}
{"kind": "completed", "attempt": "a1", "credits": 80}
{"kind": "settled", "attempt": "a1", "credits": 80, "basis": "usage", "clip": "c"}
{"kind": "balance", "balance": 1000}
{"kind": "intent", "order": ORDER, "number": 1, "lease_until": "2026-11-22T12:00:30Z", "body": {}}
{"kind": "in_doubt", "attempt": "a6", "reason": "lost"}
{"kind": "held", "attempt": "a6", "why": "short"}
"""


def test_a_log_of_an_earlier_release_is_read_as_before(local) -> None:
    stamp = {"v": 1, "at": "2026-11-22T12:00:00Z", "by": "h/-/1/-", "nonce": "n"}
    text = GOLDEN.replace("ORDER", purchase(1, film="film", credits=100).model_dump_json())
    for number, line in enumerate(text.split("\n")[1:-1], start=1):
        local.put_if_absent(f"ledger/{ACCOUNT}/{number:012d}.json", json.dumps(stamp | json.loads(line)).encode())
    ledger = Ledger(local, ACCOUNT)
    state = ledger.read()
    assert (state.head, state.debits, state.opening, state.films) == (8, 80, 1080, {"film": 80})
    assert [(a.id, a.phase) for a in state.doubts()] == [("a6", "held")]
    ledger.resolve("a6", "written_off", who="me", why="lost")
    assert Ledger(local, ACCOUNT).read().expected_balance == 900


def test_unreadable_entries_are_named_and_nothing_is_written_behind_them(store) -> None:
    ledger = Ledger(store, ACCOUNT)
    buy(ledger, 1)
    store.put_if_absent(f"ledger/{ACCOUNT}/{5:012d}.json", b'{"v": 9, "kind": "bet"}\n')
    for reader in (ledger, Ledger(store, ACCOUNT)):
        with pytest.raises(LedgerError, match="000000000005"):
            reader.read()
        with pytest.raises(LedgerError, match="not an entry"):
            claim(reader, 2)
    assert store.get(f"ledger/{ACCOUNT}/{6:012d}.json") is None


def test_an_outcome_of_another_ledgers_attempt_is_not_booked(tmp_path):
    """Ids are numbers within one log, so two ledgers have attempts of the same id."""
    mine, other = (Ledger(stores.open(str(tmp_path / name)), ACCOUNT) for name in ("mine", "other"))
    attempt, foreign = claim(mine, 1).attempt, claim(other, 2).attempt
    assert attempt.id == foreign.id
    mine.accepted(attempt, "task_00000001")
    mine.failed(foreign, code=80003, message="another ledger's", retryable=True)
    assert mine.read().find("fingerprint of 1").phase == "accepted"
    assert mine.read().used(film="a-film").film == 160

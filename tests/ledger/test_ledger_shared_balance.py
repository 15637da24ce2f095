"""Two ledgers of one key have one balance: what moves in one decides nothing in the other."""

from __future__ import annotations

import asyncio
import types

import pytest
from memory_store import MemoryStore
from purchases import claim

from longtake.errors import InDoubtError
from longtake.ledger import Ledger, check_balance, poll_known
from longtake.ledger.reconcile import reconcile

run = asyncio.run
PRICE = 160


class Key:
    """A provider with one key, and the ledgers `own` and `other` that it has under two names of the provider."""

    def __init__(self):
        self.money, self.failed = 1000, set()
        self.store = MemoryStore()
        self.own, self.other = (Ledger(self.store, f"{host}-0123456789ab") for host in ("reapi.ai", "www.reapi.ai"))

    async def balance(self):
        return self.money

    async def poll(self, task):
        status = "failed" if task in self.failed else "processing"
        return types.SimpleNamespace(id=task, status=status, credits=None, error_code=None, error_message="")

    def buy(self, ledger, shot):
        """Begin a task and pay for it."""
        attempt = claim(ledger, shot).attempt
        self.money -= PRICE
        ledger.accepted(attempt, f"task_{shot}")

    def lose(self, ledger, shot, *, charged=True):
        """Lose the answer to a request."""
        ledger.in_doubt(claim(ledger, shot).attempt, "answer lost")
        self.money -= PRICE * charged

    def fail(self, ledger, shot, *, refund=PRICE):
        """Let a task fail, with its refund, and see it."""
        self.failed.add(f"task_{shot}")
        self.money += refund
        self.poll_all(ledger)

    def poll_all(self, ledger):
        run(poll_known(ledger, self, lambda _: False))

    def look(self, ledger):
        return run(check_balance(ledger, self))

    def settle(self, ledger):
        return run(reconcile(ledger, self, retryable=lambda _: False, quiet=0))


def in_flight_then_refunded(key):
    key.buy(key.other, "b")
    key.look(key.own)
    key.lose(key.own, "a")
    key.fail(key.other, "b")


def refunded_and_not_yet_polled(key):
    key.buy(key.other, "b")
    key.look(key.own)
    key.lose(key.own, "a")
    key.money += PRICE


def refund_that_comes_later(key):
    key.look(key.other)
    key.buy(key.other, "b")
    key.fail(key.other, "b", refund=0)
    key.look(key.own)
    key.lose(key.own, "a")
    key.money += PRICE


@pytest.mark.parametrize("story", [in_flight_then_refunded, refunded_and_not_yet_polled, refund_that_comes_later])
def test_a_charge_that_the_other_ledgers_refund_hides_is_not_bought_again(story) -> None:
    key = Key()
    story(key)
    report = key.settle(key.own)
    assert (report.not_charged, report.undecided, report.needs_person) == ([], ["a2"], ["a2"])
    assert "another ledger of this key" in report.note
    with pytest.raises(InDoubtError):
        claim(key.own, "a")


def test_a_refund_that_the_other_ledger_got_proves_none_here_and_what_it_paid_makes_none_missing() -> None:
    key = Key()
    key.buy(key.other, "b")
    key.look(key.own)
    key.buy(key.own, "a")
    key.fail(key.own, "a", refund=0)
    key.fail(key.other, "b")
    for _ in range(2):
        assert key.look(key.own).drift == 0
        assert [one.attempt for one in key.own.read().unproven] == ["a2"]

    key = Key()
    key.look(key.own)
    key.buy(key.own, "a")
    key.fail(key.own, "a")
    key.buy(key.other, "b")
    for found in (key.look(key.own), key.settle(key.own)):
        assert (found.refunds_missing, found.unexplained) == ([], -PRICE)
        assert "another ledger of this key" in found.note
    assert key.own.read().missing == []


def test_another_ledger_in_which_nothing_moves_hinders_nothing() -> None:
    key = Key()
    key.look(key.other)
    key.buy(key.other, "b")
    key.fail(key.other, "b")
    key.look(key.other)
    key.look(key.own)
    key.lose(key.own, "a", charged=False)
    key.lose(key.own, "b")
    key.own.resolve("a4", "written_off", who="me", why="not found")
    assert key.settle(key.own).not_charged == ["a2"]
    key.buy(key.own, "a")
    key.fail(key.own, "a")
    assert (key.look(key.own).drift, key.own.read().unproven) == (0, [])


def test_another_ledger_in_which_nothing_moves_hinders_nothing_after_a_drift_that_was_explained() -> None:
    key = Key()
    key.look(key.other)
    key.buy(key.other, "b")
    key.fail(key.other, "b")
    key.look(key.other)
    key.look(key.own)
    key.money -= 7
    assert key.settle(key.own).unexplained == -7
    key.own.adjust(-7, who="me", why="spent by hand")
    key.lose(key.own, "a", charged=False)
    assert len(key.settle(key.own).not_charged) == 1


def test_settled_as_the_docs_say_the_balance_decides_again() -> None:
    key = Key()
    in_flight_then_refunded(key)
    key.other.refund_seen("a1", who="me", why="in the provider's list")
    key.own.resolve("a2", "written_off", who="me", why="not found after a day")
    key.own.adjust(PRICE, who="me", why="the other ledger's refund")
    assert key.look(key.own).drift == 0
    key.lose(key.own, "c", charged=False)
    key.lose(key.own, "d")
    key.own.resolve("a9", "written_off", who="me", why="not found after a day")
    assert key.settle(key.own).not_charged == ["a7"]


def test_a_key_with_one_ledger_lists_its_ledgers_once() -> None:
    key, lists = Key(), []
    real, key.store.list = key.store.list, lambda prefix, **more: lists.append(prefix) or real(prefix, **more)
    for shot in ("a", "b", "c"):
        key.look(key.own)
        key.lose(key.own, shot, charged=False)
        key.own.resolve(key.own.read().doubts()[0].id, "not_charged", who="me", why="not in the list")
    assert key.look(key.own).drift == 0
    assert lists.count("ledger/") == 1

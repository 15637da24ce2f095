from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from longtake.emulator.credit_books import CreditBooks, ShortError


def test_debit_and_refund_move_credits_once():
    books = CreditBooks(1000)
    books.debit("a", 400)
    assert books.balance == 600
    assert books.refund("a") == 400
    assert books.refund("a") == 0
    assert books.balance == 1000
    assert [(entry.kind, entry.credits, entry.balance) for entry in books.entries] == [
        ("debit", 400, 600),
        ("refund", 400, 1000),
    ]


def test_part_of_a_reserve_goes_back_and_then_only_the_rest():
    books = CreditBooks(1000)
    books.debit("a", 900)
    assert books.refund("a", 700) == 700
    assert books.refund("a", 700) == 200
    assert books.balance == 1000


def test_short_balance_moves_nothing():
    books = CreditBooks(10)
    with pytest.raises(ShortError):
        books.debit("a", 11)
    with pytest.raises(ShortError):
        books.external(-11)
    assert books.balance == 10
    assert books.entries == ()


def test_external_moves_have_no_task():
    books = CreditBooks(10)
    books.external(90)
    books.external(-60)
    assert books.balance == 40
    assert {entry.task for entry in books.entries} == {None}


def test_accounts_balance_under_many_threads():
    books = CreditBooks(5000)

    def work(number):
        task = f"t{number}"
        try:
            books.debit(task, 7)
        except ShortError:
            return 0
        if number % 3 == 0:
            books.refund(task)
            return 0
        return 7

    with ThreadPoolExecutor(8) as pool:
        kept = sum(pool.map(work, range(1500)))
    assert books.balance == 5000 - kept
    assert sum(books.accounts().values()) == 5000
    running = 5000
    for entry in books.entries:
        running += entry.credits if entry.kind == "refund" else -entry.credits
        assert entry.balance == running >= 0

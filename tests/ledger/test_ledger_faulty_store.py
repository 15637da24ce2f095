"""Writers of one ledger on an S3 that loses answers, refuses with 409 and 503, and lists what was: each take is bought once."""

from __future__ import annotations

import collections
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from faulty_s3 import faulty_s3
from purchases import claim

from longtake import store as stores
from longtake.errors import StoreError
from longtake.ledger import EntryLog, Ledger
from longtake.ledger.audit import audit
from longtake.settings import S3Settings

SEED = int(os.environ.get("LONGTAKE_SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
WRITERS, TAKES, PRICE = 4, 12, 160


def patiently(call):
    """Ask again while the store is away, as a run that is started again does."""
    for _ in range(50):
        try:
            return call()
        except StoreError:
            continue
    raise AssertionError("the store never answered")


@pytest.mark.slow
def test_each_take_is_bought_once_although_answers_are_lost(bucket, s3_server):
    print(f"LONGTAKE_SOAK_SEED={SEED}")  # noqa: T201 - repeats a failure
    uri = f"s3://{bucket}/films"

    def write(writer):
        """Buy all takes, in an order of its own; give those whose POST would have been sent from here."""
        ledger = Ledger(stores.open(uri, s3=S3Settings(endpoint_url=faulty.url)), "account")
        sent = []
        for number in random.Random(SEED + writer).sample(range(TAKES), TAKES):
            # Where it is unknown whether an intent was written, no POST is sent: asking again finds it open.
            found = patiently(lambda number=number: claim(ledger, number))
            if found.kind == "bought":
                sent.append(number)
                patiently(lambda a=found.attempt, n=number: ledger.accepted(a, f"task_{n}"))
                if number % 3:
                    patiently(lambda a=found.attempt: ledger.completed(a, PRICE))
        return sent

    with faulty_s3(s3_server, SEED) as faulty, ThreadPoolExecutor(WRITERS) as pool:
        sent = collections.Counter(number for numbers in pool.map(write, range(WRITERS)) for number in numbers)
    assert set(sent.values()) <= {1}
    log = EntryLog(stores.open(uri), "account")
    assert audit(log).problems == []
    state = log.read()
    # Each take has one attempt: with its task where the POST was sent, and open where the answer to its intent was lost.
    assert sorted(a.order.shot for a in state.attempts.values()) == sorted(f"shot-{n}" for n in range(TAKES))
    phases = {a.order.shot: a.phase for a in state.attempts.values()}
    assert all(phases[f"shot-{n}"] == ("completed" if n % 3 else "accepted") for n in sent)
    assert all(phases[f"shot-{n}"] == "intent" for n in range(TAKES) if n not in sent)
    assert state.debits == len(sent) * PRICE
    assert sum(faulty.struck.values()) > 0
    print(dict(faulty.struck))  # noqa: T201 - measured

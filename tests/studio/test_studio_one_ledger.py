"""A key has one ledger, whatever names its provider goes by, also where earlier releases made one for each name."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from accounts import PRICE
from gate import proxied
from purchases import claim

from longtake import Approval, FilmSet, Studio, housekeeping
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import (
    BudgetError,
    FilmIncompleteError,
    LedgerError,
    LedgerGapError,
    SettingsError,
    TwoLedgersError,
)
from longtake.ledger import Ledger, account_of, identify_ledger
from longtake.ledger.realm import host_of
from longtake.studio.clips import spec_of
from longtake.take import ensure_take, ledger_of, open_session

NAMES = ("127.0.0.1", "localhost")
KEY = "a key"


def studio_at(account, name, *, ledger=None, **settings):
    """A studio that reaches the provider by a name of this machine."""
    base_url = account.base_url.replace("127.0.0.1", name)
    given = account.settings.model_copy(update={"base_url": base_url, "account": ledger, **settings})
    return Studio(store=str(account.folder), settings=given)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def store_of(account):
    return stores.open(str(account.folder))


def folders(account):
    return sorted(path.name for path in (account.folder / "ledger").iterdir())


def leave_open(account, name, shot):
    """A film whose task is accepted and not done, bought by a release that named ledgers after hosts: without a record."""
    hidden = account.folder.parent / f"{account.folder.name}-hidden"
    ledgers = account.folder / "ledger"
    if ledgers.exists():
        ledgers.rename(hidden)
    account.fault({"what": "slow", "seconds": 3600}, shot=shot)
    with pytest.raises(FilmIncompleteError):
        studio_at(account, name, longest_wait=0.05).make_sync(account.board(shot, title=f"Film of {shot}"))
    for record in (account.folder / "accounts").iterdir():
        record.unlink()
    if hidden.exists():
        for folder in hidden.iterdir():
            folder.rename(ledgers / folder.name)
        hidden.rmdir()


def test_each_name_of_the_provider_means_the_same_ledger(account):
    first, second = (studio_at(account, name, day_budget=2 * PRICE) for name in NAMES)
    first.make_sync(account.board("waves"))
    assert [shot.state for shot in second.plan(account.board("waves")).shots] == ["current"]
    second.make_sync(account.board("waves", "gulls"))
    assert account.bought() == {"waves": 1, "gulls": 1}
    assert folders(account) == [account_of("127.0.0.1", account.key)]
    with pytest.raises(BudgetError, match="the day budget"):
        first.make_sync(account.board("waves", "gulls", "rocks"))
    assert first.credits() == second.credits()
    assert second.books()["takes"].num_rows == 2
    assert housekeeping.survey(store_of(account), older_than=timedelta(0)).unknown == 0
    assert ledger_of(second.settings, store_of(account)).read().offset == 0


def test_a_doubt_under_one_name_is_a_doubt_under_the_other(account):
    account.fault({"what": "drop-after"}, shot="waves")
    for name in NAMES:
        with pytest.raises(FilmIncompleteError) as raised:
            studio_at(account, name).make_sync(account.board("waves"))
        assert raised.value.exit_code == 4
    assert account.bought() == {"waves": 1}
    assert len(ledger_of(studio_at(account, "localhost").settings, store_of(account)).read().doubts()) == 1


def test_the_only_ledger_of_a_key_is_adopted_and_not_moved(account):
    leave_open(account, "localhost", "waves")
    before = folders(account)
    account.advance()
    studio_at(account, "127.0.0.1").make_sync(account.board("waves", title="Film of waves"))
    assert account.bought() == {"waves": 1}
    assert folders(account) == before == [account_of("localhost", account.key)]


def test_of_two_ledgers_the_one_with_open_attempts_goes_on(account):
    store, (mine, other) = store_of(account), (account_of(name, account.key) for name in NAMES)
    Ledger(store, mine).adjust(5, who="me", why="a longer ledger")
    Ledger(store, mine).adjust(-5, who="me", why="of a name that is not used any more")
    leave_open(account, "localhost", "waves")
    assert folders(account) == sorted([mine, other])
    for name in NAMES:
        assert ledger_of(studio_at(account, name).settings, store).account == other


def test_two_ledgers_with_open_attempts_buy_nothing_until_one_is_settled(account, monkeypatch):
    for name, shot in zip(NAMES, ("waves", "gulls"), strict=True):
        leave_open(account, name, shot)
    mine, other = (account_of(name, account.key) for name in NAMES)
    board = account.board("waves", title="Film of waves")
    posts = account.received()
    studio = studio_at(account, "127.0.0.1")
    for look in (studio.make_sync, studio.plan):
        with pytest.raises(TwoLedgersError) as raised:
            look(board)
        assert raised.value.accounts == (mine, other)
        assert f"{mine}: a2; {other}: a2" in raised.value.message
        assert f"LONGTAKE_ACCOUNT={mine} longtake run" in raised.value.next_step
    said = subprocess.run(
        [sys.executable, "-P", "-m", "longtake.cli", "credits"], capture_output=True, text=True, check=False
    )
    assert (said.returncode, "2 ledgers with open attempts" in said.stderr) == (4, True), said.stderr

    # What the next step says: what is open there is fetched, and nothing is bought, in whatever state the film is.
    account.advance()
    with pytest.raises(SettingsError, match="is not a ledger of this key"):
        studio_at(account, "localhost", ledger="reapi.ai-0123456789ab").plan(board)
    settling = studio_at(account, "localhost", ledger=mine)
    with pytest.raises(FilmIncompleteError, match="ledgers with open attempts"):
        settling.make_sync(account.board("waves", "rocks", title="Film of waves"))
    assert account.received() == posts
    assert Ledger(store_of(account), mine).read().attempts == {}

    # Now only one has something open, and it goes on under each name.
    studio_at(account, "127.0.0.1").make_sync(account.board("gulls", title="Film of gulls"))
    assert studio_at(account, "localhost").make_sync(board).cost.charged == 0
    assert (account.bought(), account.received()) == ({"waves": 1, "gulls": 1}, posts)
    assert ledger_of(studio.settings, store_of(account)).account == other
    monkeypatch.setenv("LONGTAKE_ACCOUNT", mine)
    said = subprocess.run(
        [sys.executable, "-P", "-m", "longtake.cli", "credits", "--json"], capture_output=True, text=True, check=True
    )
    assert f'"account": "{mine}"' in said.stdout


def test_a_run_with_a_ledger_that_only_settles_hands_nothing_out_asks_no_one_and_decides_no_retake(account):
    studio = studio_at(account, "127.0.0.1")
    studio.make_sync(account.board("waves"))
    other = account_of("localhost", account.key)
    Ledger(store_of(account), other).adjust(5, who="me", why="a ledger of an earlier release")
    settling, posts, begun = studio_at(account, "localhost", ledger=other), account.received(), []

    async def dispatch(*_):
        begun.append("scenes")

    async def approve(question):
        begun.append(question.subject)

    asks = {"approval": Approval(before=("spending", "the rest")), "approve": approve}
    for more in ({}, asks):
        with pytest.raises(FilmIncompleteError, match=f"nothing is bought: {other} is not the ledger") as raised:
            settling.make_sync(account.board("waves", "gulls"), retake=["waves"], dispatch=dispatch, **more)
        assert (raised.value.exit_code, begun) == (4, [])
        # Neither was a retake decided, which the next run would buy.
        assert [shot.state for shot in studio.plan(account.board("waves")).shots] == ["current"]
    shots = [{"id": "one", "prompt": f"{account.marker} {{{{ sku }}}}, wide shot", "duration": 1}]
    template = {"schema": "longtake/1", "title": "Film {{ sku }}", "model": "seedance-2.5"}
    template["scenes"] = [{"id": "s", "shots": shots}]
    films = FilmSet("Two", storyboard=template, rows=[{"sku": "lamp"}, {"sku": "chair"}], key="sku", canary=1)
    with pytest.raises(TwoLedgersError, match="nothing is bought"):
        settling.make_set_sync(films, approve=approve, dispatch=dispatch)
    assert (begun, account.received()) == ([], posts)
    assert settling.make_sync(account.board("waves"), **asks).cost.charged == 0


def test_what_an_earlier_release_opened_in_another_ledger_meanwhile_is_not_bought_again(account):
    leave_open(account, "localhost", "waves")
    posts = account.received()
    mine, other = (account_of(name, account.key) for name in NAMES)
    record = json.dumps({"v": 1, "account": mine}).encode()
    store_of(account).put_if_absent(f"accounts/loopback-{other.rpartition('-')[2]}.json", record)
    studio = studio_at(account, "127.0.0.1")
    board = account.board("waves", title="Film of waves")
    with pytest.raises(FilmIncompleteError, match=f"LONGTAKE_ACCOUNT={other} longtake run"):
        studio.make_sync(board)
    account.advance()
    studio_at(account, "127.0.0.1", ledger=other).make_sync(board)
    studio.make_sync(board)
    assert account.received() == posts


def test_a_key_whose_only_ledger_was_lost_is_not_new_under_another_name(account):
    studio_at(account, "127.0.0.1").make_sync(account.board("waves"))
    for folder in ("ledger", "accounts"):
        (account.folder / folder).rename(account.folder.parent / f"{account.folder.name}-{folder}")
    with pytest.raises(LedgerGapError, match="is empty"):
        studio_at(account, "localhost").make_sync(account.board("waves", "gulls"))
    assert account.bought() == {"waves": 1}


class Overtaken:
    """A store on which another process writes its record first."""

    def __init__(self, store, other):
        self._store, self._other = store, other

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put_if_absent(self, key, data, **options):
        self._other()
        return self._store.put_if_absent(key, data, **options)


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_processes_that_choose_at_once_agree(kind, tmp_path, request):
    uri = str(tmp_path / "store") if kind == "folder" else f"s3://{request.getfixturevalue('bucket')}/films"
    hosts = [f"name-{number}.example.com" for number in range(8)]
    start = threading.Barrier(len(hosts))

    def choose(host):
        store = stores.open(uri)
        start.wait()
        return identify_ledger(store, host=host, key=KEY, record=True).account

    with ThreadPoolExecutor(len(hosts)) as pool:
        found = set(pool.map(choose, hosts))
    assert len(found) == 1
    assert found <= {account_of(host, KEY) for host in hosts}


def test_a_process_that_saw_other_ledgers_follows_the_one_that_was_quicker(tmp_path):
    store = stores.open(str(tmp_path / "store"))
    Ledger(store, account_of("one.example.com", KEY)).adjust(1, who="me", why="an old ledger")

    def other():
        Ledger(store, account_of("two.example.com", KEY)).adjust(1, who="me", why="an old release goes on meanwhile")
        assert identify_ledger(store, host="two.example.com", key=KEY, record=True).account.startswith("two.")

    late = identify_ledger(Overtaken(store, other), host="one.example.com", key=KEY, record=True)
    assert late.account.startswith("two.")


def test_of_ledgers_with_nothing_open_the_one_of_this_host_goes_on_or_else_the_longest(tmp_path):
    store = stores.open(str(tmp_path / "store"))
    for host, entries in (("one.example.com", 1), ("two.example.com", 3), ("zoo.example.com", 2)):
        for number in range(entries):
            Ledger(store, account_of(host, KEY)).adjust(number + 1, who="me", why="an old ledger")
    for host, wanted in (("one.example.com", "one."), ("new.example.com", "two.")):
        assert identify_ledger(store, host=host, key=KEY).account.startswith(wanted)


def test_a_provider_on_this_machine_is_another_and_a_damaged_record_buys_nothing(tmp_path):
    store = stores.open(str(tmp_path / "store"))
    real = identify_ledger(store, host="reapi.ai", key=KEY, record=True).account
    assert identify_ledger(store, host="www.reapi.ai", key=KEY).account == real
    assert identify_ledger(store, host="localhost", key=KEY).account == account_of("localhost", KEY)
    assert identify_ledger(store, host="reapi.ai", key="another key").account != real
    (record,) = (tmp_path / "store" / "accounts").iterdir()
    foreign = [account_of("reapi.ai", "another key"), account_of("localhost", KEY)]
    for text, said in [
        ("{}", "does not say which ledger"),
        *((json.dumps({"v": 1, "account": one}), f"names {one}, which is not a ledger of this key") for one in foreign),
    ]:
        record.write_text(text)
        with pytest.raises(LedgerError, match=said):
            identify_ledger(store, host="reapi.ai", key=KEY)


def spend_in(ledger, **fields):
    attempt = claim(ledger, "old", credits=PRICE, **fields).attempt
    ledger.accepted(attempt, "task_of_an_earlier_release")
    ledger.completed(attempt, PRICE)
    ledger.settled(attempt, clip="0" * 64)


def test_what_another_ledger_of_the_key_spent_today_counts_in_its_day_budget(account):
    studio = studio_at(account, "127.0.0.1", day_budget=2 * PRICE)
    studio.make_sync(account.board("waves"))
    spend_in(Ledger(store_of(account), account_of("localhost", account.key)), film="another")
    spend_in(Ledger(store_of(account), account_of("localhost", "another key")), film="another")
    board = account.board("waves", "gulls")
    plan = studio.plan(board)
    assert (plan.used.day, [one.scope for one in plan.refusals]) == (2 * PRICE, ["day"])
    with pytest.raises(BudgetError, match="the day budget"):
        studio.make_sync(board)
    assert account.bought() == {"waves": 1}
    studio_at(account, "127.0.0.1", day_budget=3 * PRICE).make_sync(board)


def test_what_another_ledger_of_the_key_spent_for_a_film_set_counts_in_its_budget(account):
    studio = studio_at(account, "127.0.0.1")
    studio.make_sync(account.board("waves"))
    spend_in(Ledger(store_of(account), account_of("localhost", account.key)), film="two-old", set="two")
    shots = [{"id": "one", "prompt": f"{account.marker} {{{{ sku }}}}, wide shot", "duration": 1, "resolution": "480p"}]
    template = {"schema": "longtake/1", "title": "Film {{ sku }}", "model": "seedance-2.5"}
    template["scenes"] = [{"id": "s", "shots": shots}]
    films = FilmSet("Two", storyboard=template, rows=[{"sku": "lamp"}], key="sku", budget=2 * PRICE - 1)
    plan = studio.plan_set(films)
    assert (plan.used, [one.scope for one in plan.refusals]) == (PRICE, ["set"])
    with pytest.raises(BudgetError, match="the set budget"):
        studio.make_set_sync(films)
    assert account.bought() == {"waves": 1}


def test_a_ledger_that_only_settled_buys_when_the_other_one_is_settled_in_the_same_process(account):
    for name, shot in zip(NAMES, ("waves", "gulls"), strict=True):
        leave_open(account, name, shot)
    mine, other = (account_of(name, account.key) for name in NAMES)
    studio = studio_at(account, "localhost", ledger=other)
    board = account.board("rocks", title="Film of rocks")
    with pytest.raises((FilmIncompleteError, TwoLedgersError), match="nothing is bought"):
        studio.make_sync(board)
    ledger = Ledger(store_of(account), mine)
    (attempt,) = ledger.read().attempts
    ledger.resolve(attempt, "written_off", who="me", why="it takes too long")
    assert studio.make_sync(board).cost.charged == PRICE


def test_a_proxy_on_this_machine_is_the_provider_and_the_emulator_is_not(account):
    """The emulator names itself. A server that does not is taken for the provider, whose other names share its ledger and clips."""
    emulated = studio_at(account, "127.0.0.1")
    with proxied(account.base_url) as base_url:
        settings = account.settings.model_copy(update={"base_url": base_url, "store": str(account.folder / "real")})
        real = Studio(store=settings.store, settings=settings)
        store = stores.open(settings.store)
        name = account_of("reapi.ai", account.key)
        Ledger(store, name).adjust(5, who="me", why="bought under the provider's own name")
        assert real.make_sync(account.board("waves")).cost.charged == PRICE
        assert ledger_of(settings, store).account == name
        assert [one.name for one in (account.folder / "real" / "ledger").iterdir()] == [name]
        assert host_of(settings, store) == "provider"
        assert [shot.state for shot in real.plan(account.board("waves")).shots] == ["current"]
    assert emulated.make_sync(account.board("waves")).cost.charged == PRICE
    assert emulated.make_sync(account.board("waves")).cost.charged == 0
    assert account.bought() == {"waves": 2}, "an emulator's clips never count as the provider's"


def test_a_key_with_a_ledger_as_an_emulators_goes_on_with_it_through_a_proxy(account):
    """As an earlier release left it, for which every server on this machine was an emulator."""
    studio_at(account, "127.0.0.1").make_sync(account.board("waves"))
    with proxied(account.base_url) as base_url:
        settings = account.settings.model_copy(update={"base_url": base_url})
        assert Studio(store=str(account.folder), settings=settings).make_sync(account.board("waves")).cost.charged == 0
    assert account.bought() == {"waves": 1}


@pytest.mark.slow
def test_a_server_that_is_not_what_a_run_took_it_for_is_sent_nothing(account):
    """It did not answer when the run began, and was taken for the emulator; then it answers as a proxy does."""

    async def work():
        async with open_session(
            settings, catalog=Catalog.load(settings.catalog), film="a-film", budget=None
        ) as session:
            with proxied(account.base_url, port=port):
                return await ensure_take(
                    session, spec_of(account.shot(), session.catalog, model=None, continue_from=None, take=1)
                )

    port = free_port()
    settings = account.settings.model_copy(
        update={"base_url": f"http://127.0.0.1:{port}/api/v1", "store": str(account.folder)}
    )
    posts = account.received()
    with pytest.raises(SettingsError, match="is no emulator, as this run took it for"):
        asyncio.run(work())
    assert account.received() == posts

"""A run with the digest of a plan buys what that plan names, each take once, and for no more than it reserves."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from accounts import PRICE
from input_host import png

from longtake import Observer, Scene, Storyboard, Studio, request
from longtake import plan as plans
from longtake import store as stores
from longtake.catalog import Catalog
from longtake.errors import BudgetError, FilmIncompleteError, PlanChangedError, SettingsError, StoreError
from longtake.ledger import owner
from longtake.storyboard import Approval, load_any
from longtake.studio import Answer, film_run
from longtake.studio.approval import agreed
from longtake.studio.comparison import compare
from longtake.studio.connections import connected
from longtake.studio.film_run import FilmRequest


@pytest.fixture
def board(account):
    return account.board("first", "second")


def reworded(board):
    """The same film with other words in its last shot."""
    scene = board.scenes[0]
    shots = (*scene.shots[:-1], scene.shots[-1].model_copy(update={"prompt": f"{scene.shots[-1].prompt}, at night"}))
    return board.model_copy(update={"scenes": (scene.model_copy(update={"shots": shots}),)})


def entries(account):
    return [json.loads(path.read_bytes()) for path in sorted((account.folder / "ledger").rglob("*.json"))]


def test_the_same_plan_has_the_same_digest_and_another_has_another(account, studio, board):
    digest = studio.plan(board).digest
    assert (studio.plan(board).digest, len(digest)) == (digest, 32)
    others = [
        reworded(board),
        board.model_copy(update={"title": "Another Film"}),
        account.board("first", "second", "third"),
        account.board("first"),
        board.model_copy(update={"budget": 5000}),
    ]
    found = {studio.plan(one).digest for one in others}
    assert (len(found), digest in found) == (len(others), False)
    plan = studio.plan(board)
    assert [(one.shot, one.take, one.reserve) for one in plan.purchases] == [("first", 1, PRICE), ("second", 1, PRICE)]


def test_a_take_that_two_shots_share_is_in_a_plan_twice_and_paid_once(account, studio):
    board = Storyboard(
        title="Twins", scenes=[Scene("s", [account.shot("one"), account.shot("two", continue_from=None)])]
    )
    same = board.scenes[0].shots[0].prompt
    scene = board.scenes[0]
    twins = scene.model_copy(update={"shots": (scene.shots[0], scene.shots[1].model_copy(update={"prompt": same}))})
    board = board.model_copy(update={"scenes": (twins,)})
    plan = studio.plan(board)
    assert [(one.shot, one.reserve) for one in plan.purchases] == [("one", PRICE), ("two", 0)]
    film = studio.make_sync(board, budget=PRICE, expect=plan.digest)
    assert (film.cost.charged, sum(account.bought().values())) == (PRICE, 1)


def test_a_film_is_bought_once_with_a_digest(account, studio, board):
    plan = studio.plan(board)
    film = studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    assert (film.run, film.cost.charged) == (f"plan-{plan.digest}", 2 * PRICE)
    again = studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    assert (again.place, again.plan.expected, account.bought()) == (film.place, 0, {"first": 1, "second": 1})


def test_another_plan_buys_nothing(account, studio, board):
    digest = studio.plan(board).digest
    for changed, expect in ((reworded(board), digest), (board, "0" * 32), (account.board("first"), digest)):
        with pytest.raises(PlanChangedError, match="is not the plan of now") as refused:
            studio.make_sync(changed, expect=expect)
        assert refused.value.digest == studio.plan(changed).digest
    assert (account.bought(), entries(account)) == ({}, [])
    with pytest.raises(SettingsError, match="is not the digest of a plan"):
        studio.make_sync(board, expect="../../../ledger/x")
    with pytest.raises(SettingsError, match="has an id of its own"):
        studio.make_sync(board, expect=digest, run="another")


def test_a_plan_over_the_budget_buys_nothing(account, studio, board):
    plan = studio.plan(board)
    with pytest.raises(BudgetError, match="has 159 left"):
        studio.make_sync(board, budget=plan.reserve - 1, expect=plan.digest)
    assert account.bought() == {}
    assert not list(account.folder.rglob("agreed/*"))


def test_a_plan_that_was_half_bought_goes_on_and_buys_the_rest(account, studio, board):
    plan = studio.plan(board)
    account.fault({"what": "fail-80006"}, shot="second")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    assert account.bought() == {"first": 1, "second": 0}
    # A digest of what is left is another one; the one that was agreed to still holds.
    assert studio.plan(board).digest != plan.digest
    film = studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    assert film.place is not None
    assert account.bought() == {"first": 1, "second": 1}


def test_a_plan_that_was_half_bought_does_not_go_on_with_anything_else(account, studio, board):
    plan = studio.plan(board)
    account.fault({"what": "fail-80006"}, shot="second")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    with pytest.raises(PlanChangedError, match="the storyboard has changed"):
        studio.make_sync(reworded(board), budget=1000, expect=plan.digest)
    with pytest.raises(PlanChangedError, match="does not have take 2 of first, which would be bought now"):
        studio.make_sync(board, budget=1000, retake=["first"], downstream="keep", expect=plan.digest)
    store = stores.open(str(account.folder))
    (path,) = account.folder.rglob("agreed/*.json")
    known = plans.read_agreement(store, "a-film", plan.digest)
    for changed, why in (
        ({"at": datetime.now(UTC) - timedelta(days=31)}, "more than 30 days ago"),
        ({"account": "another"}, "for another key"),
    ):
        path.write_text(known.model_copy(update=changed).model_dump_json())
        with pytest.raises(PlanChangedError, match=why):
            studio.make_sync(board, budget=1000, expect=plan.digest)
    assert account.bought() == {"first": 1, "second": 0}


def test_a_retake_with_a_digest_is_bought_once(account, studio, board):
    studio.make_sync(board)
    plan = studio.plan(board, retake=["second"])
    assert [(one.shot, one.take) for one in plan.purchases] == [("second", 2)]
    for _ in range(2):
        film = studio.make_sync(board, budget=PRICE, retake=["second"], expect=plan.digest)
        assert film.shots["second"].take.take == 2
    assert account.bought() == {"first": 1, "second": 2}
    # One more needs its own plan.
    more = studio.plan(board, retake=["second"])
    assert ([(one.shot, one.take) for one in more.purchases], more.digest == plan.digest) == ([("second", 3)], False)


def test_what_a_person_decides_meanwhile_is_not_bought_under_an_older_plan(account, studio, board):
    """The plan of a run is right when it begins; a decision that comes after that is another purchase."""
    seen = studio.plan(board)
    studio.make_sync(board)
    studio.review(board).retake("second", "keep", by="Ada")
    with pytest.raises(PlanChangedError):
        studio.make_sync(board, budget=1000, expect=seen.digest)
    assert account.bought() == {"first": 1, "second": 1}


def test_two_runs_at_once_with_one_digest_buy_once(account, studio, board):
    plan = studio.plan(board)

    async def both():
        calls = (Studio.from_env().make(board, budget=plan.reserve, expect=plan.digest) for _ in range(2))
        return await asyncio.gather(*calls)

    one, two = asyncio.run(both())
    assert (one.place, account.bought()) == (two.place, {"first": 1, "second": 1})


def test_a_run_whose_plan_is_older_than_anothers_purchases_counts_them_once(account, studio, board):
    """Both have one id and one budget: what the other bought since is not to be bought by this one."""
    settings, digest = studio.settings, studio.plan(board).digest
    asked = FilmRequest(request.resolve(load_any(board), Catalog.load(settings.catalog)), expect=digest)

    async def main():
        async with connected(settings, film="a-film", run=plans.run_of(digest)) as session:
            comparison, plan = await compare(session, asked.resolved, None)
            await agreed(session, plan, digest)
            await Studio(settings=settings, observers=[Observer()]).make(board, expect=digest)
            return plan, (await film_run.approved_plan(session, asked, comparison, plan))[1]

    plan, left = asyncio.run(main())
    assert (plan.reserve, left.reserve, account.bought()) == (2 * PRICE, 0, {"first": 1, "second": 1})


def test_what_a_url_serves_is_part_of_the_plan(account, studio):
    """A plan reads no URL, so the first run does, and is refused: what the shot would be made from was not known."""
    (account.folder / "picture.png").write_bytes(png())
    shot = account.shot("only", first_frame=f"{account.settings.public_url}/picture.png")
    board = Storyboard(title="A Film", scenes=[Scene("s", [shot])])
    unread = studio.plan(board)
    assert [one.description for one in unread.purchases] == [None]
    with pytest.raises(PlanChangedError) as refused:
        studio.make_sync(board, expect=unread.digest)
    plan = studio.plan(board)
    assert (account.bought(), refused.value.digest) == ({}, plan.digest)
    studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    assert account.bought() == {"only": 1}


def test_the_ledger_names_who_asked(account, studio, board):
    studio.settings = studio.settings.model_copy(update={"by": "mcp\x1b[31m Ada's \n agent" + "x" * 500})
    studio.make_sync(board)
    asked = [entry["by"] for entry in entries(account) if entry["kind"] in {"intent", "accepted", "settled"}]
    assert len(asked) == 6
    for name in asked:
        process, _, who = name.partition("/mcp")
        assert process == owner.current()
        assert (who.startswith(" [31m Ada's agentxxx"), len(who) <= 80, who.isprintable()) == (True, True, True)
        assert owner.is_alive(name)
        assert not owner.is_dead(name)


# -- a plan of which nothing was kept ------------------------------------------------------------------------------------


def other_key(account, number):
    """The film's folder with a key that the account had not before."""
    return account.using(api_key=f"key-{number}")


def bought_again(studio, board, digest):
    """What the plan of now costs that is another than before, bought with its digest; a repeat of it buys nothing."""
    plan = studio.plan(board)
    assert (plan.reserve, plan.digest == digest, studio.plan(board).digest) == (PRICE, False, plan.digest)
    film = studio.make_sync(board, budget=plan.reserve, expect=plan.digest)
    assert (film.run, film.cost.charged) == (f"plan-{plan.digest}", PRICE)
    assert studio.make_sync(board, budget=plan.reserve, expect=plan.digest).place == film.place


@pytest.fixture
def only(account):
    return account.board("only")


def test_a_plan_whose_doubt_was_written_off_is_bought_with_a_new_digest_alone(account, studio, only):
    digest = studio.plan(only).digest
    account.fault({"what": "drop-after"}, shot="only")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(only, budget=1000, expect=digest)
    (doubt,) = account.ledger.read().doubts()
    account.ledger.resolve(doubt.id, "written_off", who="Ada", why="the provider does not answer")
    # Whoever repeats the call has not seen that it costs as much again.
    with pytest.raises(BudgetError, match=r"has 0 left\. Next: plan again, look at the price"):
        studio.make_sync(only, budget=1000, expect=digest)
    assert account.bought() == {"only": 1}
    bought_again(studio, only, digest)
    assert account.bought() == {"only": 2}


def test_a_plan_whose_refund_is_missing_is_bought_with_a_new_digest(account, studio, only):
    digest = studio.plan(only).digest
    account.fault({"what": "fail-80006"}, {"what": "no-refund"}, shot="only")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(only, budget=1000, expect=digest)
    with pytest.raises(BudgetError):
        studio.make_sync(only, budget=1000, expect=digest)
    assert account.ledger.read().missing
    bought_again(studio, only, digest)


def test_a_plan_keeps_its_digest_while_a_refund_is_on_its_way(account, studio, only):
    digest = studio.plan(only).digest
    account.fault({"what": "fail-80006"}, shot="only")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(only, budget=PRICE, expect=digest)
    assert studio.plan(only).digest == digest
    assert studio.make_sync(only, budget=PRICE, expect=digest).place is not None
    assert account.bought() == {"only": 1}


@pytest.mark.parametrize("why", ["another key", "too old", "not of this release"])
def test_a_plan_whose_agreement_can_no_longer_be_used_is_bought_with_a_new_digest(account, studio, only, why):
    digest = studio.plan(only).digest
    account.fault(*[{"what": "refuse-30002"}] * 9, shot="only")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(only, budget=PRICE, expect=digest)
    account.emulator.mend()
    (path,) = account.folder.rglob("agreed/*.json")
    known = plans.read_agreement(account.store, "a-film", digest)
    if why == "another key":
        studio = Studio(settings=other_key(account, 150).settings)
    elif why == "too old":
        path.write_text(known.model_copy(update={"at": datetime.now(UTC) - timedelta(days=31)}).model_dump_json())
    else:
        path.write_text("{}")
    with pytest.raises(StoreError if why == "not of this release" else PlanChangedError) as refused:
        studio.make_sync(only, budget=PRICE, expect=digest)
    if isinstance(refused.value, PlanChangedError):
        assert refused.value.digest == studio.plan(only).digest != digest
    bought_again(studio, only, digest)


def test_a_plan_without_a_key_or_without_purchases_reads_no_agreement(account, studio, only):
    """An agreement that cannot be used shows who reads it: the digest is another one then."""
    folder = account.folder / "films" / "a-film" / "agreed"
    folder.mkdir(parents=True)
    digest = studio.plan(only).digest
    (folder / f"{digest}.json").write_text("{}")
    assert studio.plan(only).digest != digest
    keyless = Studio(settings=studio.settings.model_copy(update={"api_key": None}))
    assert keyless.plan(only).digest == digest
    studio.make_sync(only)
    bought = studio.plan(only)
    (folder / f"{bought.digest}.json").write_text("{}")
    assert studio.plan(only) == bought


def test_of_two_keys_that_begin_with_one_digest_only_the_first_buys(account, studio, only):
    """The second has read that nothing was agreed to when the first writes it down, and the first keeps nothing."""
    digest = studio.plan(only).digest
    other = other_key(account, 149)
    account.fault(*[{"what": "refuse-30002"}] * 9, shot="only")

    async def first_buys_meanwhile(question):
        with pytest.raises(FilmIncompleteError):
            await studio.make(only, expect=digest)
        account.emulator.mend()
        return Answer(approve=True)

    second = Studio(settings=other.settings)
    with pytest.raises(PlanChangedError, match="was agreed to for another key") as refused:
        second.make_sync(only, expect=digest, approval=Approval(before=["spending"]), approve=first_buys_meanwhile)
    assert (account.bought(), other.bought(), len(account.tasks())) == ({}, {}, 0)
    assert refused.value.digest == second.plan(only).digest != studio.plan(only).digest == digest

"""What a person decides in a review is what the next run does, and buys."""

from __future__ import annotations

import pytest
from accounts import PRICE

from longtake import Answer, Approval, Scene, Storyboard, Studio
from longtake.errors import FilmIncompleteError, SettingsError


@pytest.fixture
def board(account):
    return Storyboard(title="A Film", scenes=[Scene("s", [account.shot("first", takes=2), account.shot("second")])])


def used(film):
    return {name: shot.take.take for name, shot in film.shots.items()}


def test_the_next_run_does_what_was_decided(account, studio, board):
    film = studio.make_sync(board)
    review = studio.review(board)
    assert used(film) == {"first": 1, "second": 1}

    review.choose("first", 2, by="Ada")
    state = review.state()
    assert [(shot.id, shot.used.take) for shot in state.shots] == [("first", 2), ("second", 1)]
    assert (state.plan.expected, state.current, state.joined.digest) == (0, False, film.manifest.split("/")[-2])

    prices = {one.downstream: one for one in review.retake_prices("second")}
    assert prices["keep"].expected == PRICE
    assert review.state().plan.expected == 0  # asking for a price decides nothing
    review.retake("second", "keep", most=PRICE, by="Ada")
    assert (review.state().plan.expected, account.bought()) == (PRICE, {"first": 2, "second": 1})

    again = studio.make_sync(board)
    assert (used(again), again.cost.charged) == ({"first": 2, "second": 2}, PRICE)
    assert account.bought() == {"first": 2, "second": 2}
    assert review.state().current
    assert studio.make_sync(board).cost.charged == 0

    review.choose("second", 1)
    back = studio.make_sync(board)
    assert (used(back), back.cost.charged) == ({"first": 2, "second": 1}, 0)


def test_a_choice_buys_nothing_on_a_board_that_cascades(account, studio, board):
    cascading = board.model_copy(update={"downstream": "cascade"})
    film = studio.make_sync(cascading)
    review = studio.review(cascading)
    review.choose("first", 2)
    assert review.state().plan.expected == 0
    again = studio.make_sync(cascading)
    assert (used(again), again.cost.charged) == ({"first": 2, "second": 1}, 0)
    assert (again.shots["second"].state, film.shots["second"].take) == ("stale", again.shots["second"].take)
    assert account.bought() == {"first": 2, "second": 1}


@pytest.mark.slow
def test_a_retake_is_decided_once_and_given_up_by_a_choice(studio, board):
    studio.make_sync(board)
    review = studio.review(board)
    review.retake("second", "keep")
    with pytest.raises(SettingsError, match="the next run buys a take of second anyway"):
        review.retake("second", "keep")
    assert [one.expected for one in review.retake_prices("second")] == [None, None, None]
    review.choose("second", 1)
    assert review.state().plan.expected == 0
    # The choice stands against what the same run asked for before; another retake is a new take.
    review.retake("second", "keep")
    assert used(studio.make_sync(board)) == {"first": 1, "second": 3}


@pytest.mark.slow
def test_a_price_that_rose_is_refused(studio, board):
    studio.make_sync(board)
    review = studio.review(board)
    with pytest.raises(SettingsError, match=f"costs {PRICE} credits by now, and {PRICE - 1} were shown"):
        review.retake("second", "keep", most=PRICE - 1)
    assert review.state().plan.expected == 0


@pytest.mark.slow
def test_what_cannot_be_chosen_is_said(account, studio, board):
    studio.make_sync(board)
    review = studio.review(board)
    with pytest.raises(SettingsError, match="s/first has no take 3") as caught:
        review.choose("first", 3)
    assert caught.value.next_step == "choose one of 1, 2"
    pinned = Storyboard(title="A Film", scenes=[Scene("s", [account.shot("first", takes=2, use=2)])])
    with pytest.raises(SettingsError, match="says use: 2"):
        studio.review(pinned).choose("first", 1)


@pytest.mark.slow
def test_notes_and_approvals_are_kept_with_who_and_when(studio, board):
    film = studio.make_sync(board)
    review = studio.review(board)
    review.note("too dark", shot="second", seconds=1.5, by="Ada")
    review.approve(by="Grace")
    note, approval = studio.review(board).state().remarks
    assert (note.kind, note.text, note.shot, note.seconds, note.by) == ("note", "too dark", "second", 1.5, "Ada")
    assert note.take == film.shots["second"].take.fingerprint
    assert (approval.kind, approval.by, approval.joined) == ("approval", "Grace", film.manifest.split("/")[-2])
    assert note.at <= approval.at
    with pytest.raises(SettingsError, match="no shot has the id third"):
        review.note("?", shot="third")


def test_a_film_without_takes_can_be_looked_at(studio, board):
    state = studio.review(board).state()
    assert [(shot.id, shot.used) for shot in state.shots] == [("first", None), ("second", None)]
    assert (state.joined, state.plan.expected) == (None, 3 * PRICE)


@pytest.mark.slow
def test_what_is_chosen_while_a_run_asks_is_what_the_rest_continues(studio, board):
    review = studio.review(board)

    async def answer(question):
        assert [shot.used is not None for shot in review.state().shots] == [True, False]
        review.choose("first", 2)
        return Answer(approve=True, credits=question.credits)

    film = studio.make_sync(board, approval=Approval(before=["the rest"]), approve=answer)
    assert (used(film), film.cost.charged) == ({"first": 2, "second": 1}, 3 * PRICE)
    assert film.shots["second"].take.frame == film.shots["first"].take.last_frame.sha256
    assert {shot.state for shot in film.shots.values()} == {"bought"}


@pytest.mark.slow
def test_a_retake_that_is_asked_for_while_a_run_asks_is_in_the_run(account, studio, board):
    studio.make_sync(board)
    longer = board.model_copy(update={"scenes": (*board.scenes, Scene("t", [account.shot("third")]))})
    review = studio.review(longer)

    async def answer(question):
        review.retake("second", "keep")
        return Answer(approve=True, credits=question.credits + PRICE)

    film = studio.make_sync(longer, approval=Approval(before=["spending"]), approve=answer)
    assert (used(film), film.cost.charged) == ({"first": 1, "second": 2, "third": 1}, 2 * PRICE)


class Suspended(Exception):  # noqa: N818 - an end like that of a suspended run
    pass


@pytest.mark.parametrize("answer", [Answer(approve=False), Answer(approve=True, credits=2 * PRICE)], ids=["no", "less"])
def test_a_retake_that_is_asked_for_while_a_run_is_suspended_waits_for_the_answer(account, studio, board, answer):
    asked = []

    async def suspend(question):
        raise Suspended

    async def resumed(question):
        asked.append(question.credits)
        return answer

    options = {"approval": Approval(before=["the rest"]), "run": "suspended"}
    with pytest.raises(Suspended):
        studio.make_sync(board, approve=suspend, **options)
    studio.review(board).retake("first", "keep")
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(board, approve=resumed, **options)
    assert (asked, account.bought()) == ([4 * PRICE], {"first": 2})


@pytest.fixture
def failing(account):
    """A film of two chains, of which the first shot of one fails once and is refunded."""
    account.fault({"what": "fail-80006"}, shot="first")
    scenes = [Scene("s", [account.shot("first"), account.shot("second")]), Scene("t", [account.shot("other")])]
    return Storyboard(title="A Film", scenes=scenes)


@pytest.mark.parametrize("approve", [False, True], ids=["no", "yes"])
def test_a_first_shot_that_failed_before_the_question_is_bought_after_the_answer(account, studio, failing, approve):
    """A suspended run begins again: the stored answer is applied before anything is bought."""
    asked = []

    async def suspend(question):
        raise Suspended

    async def resumed(question):
        asked.append((question.credits, account.received() - posts, "2 takes for" in question.text))
        return Answer(approve=approve)

    options = {"approval": Approval(before=["the rest"]), "run": "suspended"}
    with pytest.raises(Suspended):
        studio.make_sync(failing, approve=suspend, **options)
    assert account.bought() == {"first": 0, "other": 1}
    posts = account.received()
    if approve:
        film = studio.make_sync(failing, approve=resumed, **options)
        assert used(film) == {"first": 1, "second": 1, "other": 1}
    else:
        with pytest.raises(FilmIncompleteError):
            studio.make_sync(failing, approve=resumed, **options)
    assert asked == [(3 * PRICE, 0, True)]
    assert account.bought() == ({"first": 1, "second": 1, "other": 1} if approve else {"first": 0, "other": 1})


def test_a_first_shot_that_failed_is_in_the_question_and_bought_by_the_run_that_asked(account, studio, failing):
    async def yes(question):
        assert "first (missing)" in question.text
        return Answer(approve=True)

    film = studio.make_sync(failing, approval=Approval(before=["the rest"]), approve=yes)
    assert used(film) == {"first": 1, "second": 1, "other": 1}
    assert account.bought() == {"first": 1, "second": 1, "other": 1}


def test_a_task_in_flight_that_fails_before_the_answer_is_not_bought_again_ahead_of_it(account, studio, failing):
    account.fault({"what": "fail-80003"}, {"where": "poll", "what": "500", "times": None}, shot="other")
    asked = []

    async def suspend(question):
        raise Suspended

    async def no(question):
        asked.append(account.received() - posts)
        return Answer(approve=False)

    options = {"approval": Approval(before=["the rest"]), "run": "suspended"}
    hurried = account.settings.model_copy(update={"longest_wait": 0.5})
    with pytest.raises(Suspended):
        Studio(store=str(account.folder), settings=hurried).make_sync(failing, approve=suspend, **options)
    posts = account.received()
    account.emulator.mend()
    with pytest.raises(FilmIncompleteError):
        studio.make_sync(failing, approve=no, **options)
    assert (asked, account.received() - posts) == ([0], 0)


@pytest.mark.slow
@pytest.mark.parametrize("approve", [False, True], ids=["no", "yes"])
def test_a_first_shot_in_doubt_that_was_not_charged_is_bought_after_the_answer(account, studio, approve):
    """It was in doubt when the run was suspended, and a person settled it meanwhile."""
    account.fault({"what": "503-before"}, shot="first")
    scenes = [Scene("s", [account.shot("first"), account.shot("second")]), Scene("t", [account.shot("other")])]
    board = Storyboard(title="A Film", scenes=scenes)
    asked = []

    async def suspend(question):
        asked.append((question.credits, account.bought()))
        raise Suspended

    async def resumed(question):
        asked.append((question.credits, account.bought()))
        return Answer(approve=approve)

    options = {"approval": Approval(before=["the rest"]), "run": "suspended"}
    with pytest.raises(Suspended):
        studio.make_sync(board, approve=suspend, **options)
    (doubt,) = account.ledger.read().doubts()
    account.ledger.resolve(doubt.id, "not_charged", who="Ada", why="not in the list")
    if approve:
        studio.make_sync(board, approve=resumed, **options)
    else:
        with pytest.raises(FilmIncompleteError):
            studio.make_sync(board, approve=resumed, **options)
    assert asked == [(3 * PRICE, {"other": 1})] * 2, "the price counts what is in doubt"
    assert account.bought() == ({"first": 1, "second": 1, "other": 1} if approve else {"other": 1})

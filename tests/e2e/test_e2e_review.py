"""A review while a run waits at a Prefect server: it shows the takes and the price, and what is decided there is in the run."""

from __future__ import annotations

import json

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from longtake import settings as env
from longtake.errors import SettingsError
from longtake.prefect.waiting_runs import WaitingRuns
from longtake.review import Review

CHAIN = {"one": [{"id": "pier", "prompt": "A pier", "takes": 2}, {"id": "boat", "prompt": "A boat"}]}
PRICE = 320


@pytest.mark.slow
def test_the_first_takes_are_looked_at_chosen_and_the_rest_goes_on_from_them(stage, asked, api):
    here = stage()
    board = here.board("Reviewed", CHAIN, approval={"before": ["the rest"]})
    settings = env.from_environment({name: value for name, value in here.env.items() if name.startswith("LONGTAKE_")})
    with (
        here.started("run", board, "--json") as running,
        temporary_settings({PREFECT_API_URL: here.env["PREFECT_API_URL"]}),
    ):
        run, _, _ = asked("reviewed", "Paused")
        review = Review(board, settings, approvals=WaitingRuns())
        state = review.state()
        (waits,) = state.waiting
        assert (waits.run, waits.credits) == (run, 3 * PRICE)
        assert "| one | 1 | 320 | boat (" in waits.text
        assert [len([*shot.alternates, *([shot.used] if shot.used else [])]) for shot in state.shots] == [2, 0]
        shown = api.post(
            "/artifacts/latest/filter", json={"artifacts": {"key": {"any_": ["reviewed-question"]}}}
        ).json()
        assert "longtake review" in shown[0]["data"]

        assert WaitingRuns().waiting("reviewed", "file:///another/store") == []
        with pytest.raises(SettingsError, match="this question is answered"):
            WaitingRuns().approve(run, question="an earlier one", credits=3 * PRICE, by="Ada")

        review.choose("pier", 2, by="Ada")
        assert review.state().waiting[0].credits == 3 * PRICE
        review.approve(run=run, by="Ada")
        assert review.state().waiting == ()
        ran = here.finished(running)
    assert ran.code == 0, ran.err
    shots = {shot["id"]: shot for shot in ran.answer["shots"]}
    assert (shots["pier"]["take"], here.provider.posts) == (2, 3)
    takes = {take["take"]: take for take in map(json.loads, kept(here)) if take["shot"] == "one/pier"}
    (boat,) = [take for take in map(json.loads, kept(here)) if take["shot"] == "one/boat"]
    assert boat["frame"] == takes[2]["last_frame"]["sha256"]
    approval = Review(board, settings).state().remarks[-1]
    assert (approval.kind, approval.run, approval.credits, approval.by) == ("approval", run, 3 * PRICE, "Ada")


def kept(here):
    return [path.read_text() for path in (here.store / "takes").glob("*.json")]

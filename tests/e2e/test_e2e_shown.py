"""What the Prefect UI shows of a run: events and log lines for each change, a page that hostile text cannot take over, and what
becomes of all that when the API goes away in the middle."""

from __future__ import annotations

import json
import re
import signal
from uuid import UUID

import pytest

pytestmark = pytest.mark.slow

PRICE = 320


def shot(name, **keys):
    return {"id": name, "prompt": f"The {name} by the sea", **keys}


def run_filter(run_id):
    from prefect.client.schemas import filters as by

    return by.FlowRunFilter(id=by.FlowRunFilterId(any_=[UUID(run_id)]))


# -- a run in which something fails, and a title that would like to be markup ---------------------------------------------


TITLE = "<img src=x onerror=alert(1)> [Mixed](https://evil.example) **film**"
FILM = "img-src-x-onerror-alert-1-mixed-https-evil-example-film"


@pytest.fixture(scope="module")
def mixed(shared_stage):
    """The first attempt for `pier` fails and is refunded, `wreck` is refused for good and holds `diver` up."""
    here = shared_stage(
        {"where": "submit", "what": "fail-80003", "match": "pier", "times": 1},
        {"where": "submit", "what": "fail-80006", "match": "wreck"},
    )
    board = here.board("mixed", {"one": [shot("pier")], "two": [shot("wreck"), shot("diver")]})
    board.write_text(board.read_text().replace('"title": "mixed"', f'"title": {json.dumps(TITLE)}'))
    return here.run(board, code=1)


def test_each_change_has_an_event_about_the_film(mixed, events):
    run = f"prefect.flow-run.{mixed.answer['flow_run_id']}"

    def told(name, count=1):
        found = events(f"longtake.{name}", FILM, count)
        assert all(run in {r["prefect.resource.id"] for r in one["related"]} for one in found)
        assert all(one["resource"]["longtake.account"] for one in found)
        return sorted((one["payload"] for one in found), key=lambda one: int(one.get("attempt", "a0")[1:]))

    accepted, failed = told("attempt.accepted", 3), told("attempt.failed", 2)
    assert [(one["number"], one["credits"]) for one in accepted if "pier" in one["shot"]] == [(1, PRICE), (2, PRICE)]
    assert len(accepted) == 3
    assert {(one["shot"], one["code"], one["retryable"]) for one in failed} == {
        ("one/pier · take 1", 80003, True),
        ("two/wreck · take 1", 80006, False),
    }
    assert [one["attempt"] for one in told("attempt.refunded", 2)] == [one["attempt"] for one in failed]
    (kept,) = told("take.kept")
    assert (kept["shot"], kept["attempt"], kept["credits"]) == ("one/pier · take 1", accepted[-1]["attempt"], PRICE)
    (whole,) = told("film.incomplete")
    assert (whole["missing"], whole["shots"]) == (2, ["two/wreck", "two/diver"])
    assert (whole["would_cost"], whole["charged"], whole["refunded"]) == (2 * PRICE, 3 * PRICE, 2 * PRICE)


def test_a_shot_can_be_followed_in_the_log_by_one_line_for_each_change(mixed, prefect_client, until):
    from prefect.client.schemas import filters as by

    wanted = by.LogFilter(flow_run_id=by.LogFilterFlowRunId(any_=[UUID(mixed.answer["flow_run_id"])]))

    def whole():
        found = [log.message for log in prefect_client.read_logs(wanted, limit=200)]
        return found if any("wreck: failed" in line for line in found) else None

    lines = until(whole, why="the log has arrived")
    pier = [line.removeprefix("one/pier · take 1: ") for line in lines if line.startswith("one/pier · take 1: ")]
    assert [re.sub(r"\ba\d+|task_\w+", "ID", line) for line in pier] == [
        "submitted as attempt 1 (ID) for 320 credits, accepted as ID, polling",
        "attempt ID failed: task ID failed with code 80003: the generation service failed; 320 credits are refunded",
        "submitted as attempt 2 (ID) for 320 credits, accepted as ID, polling",
        "made by the provider, fetching it",
        "kept, 4.04 s for 320 credits",
    ]
    assert not [line for line in lines if line.startswith("Finished in state Completed()") and "task" in line]
    assert [line for line in mixed.err.splitlines() if "submitted as" in line] == []


def test_the_page_of_a_film_that_is_not_whole(mixed, prefect_client):
    artifacts = prefect_client.read_artifacts(flow_run_filter=run_filter(mixed.answer["flow_run_id"]))
    (text,) = [one.data for one in artifacts if one.key == f"{FILM}-summary"]
    lines = [line for line in text.splitlines() if "data:image/jpeg" not in line]
    assert (
        lines[0] == "# \\<img src=x onerror=alert\\(1\\)\\> \\[Mixed\\]\\(https\\://evil\\.example\\) \\*\\*film\\*\\*"
    )
    assert not any(re.search(r"(?<!\\)<(?!https?://127\.0\.0\.1)", line) for line in lines)
    assert "![contact sheet](data:image/jpeg;base64," in text
    assert "| **all** | 3 | 960 | 960 | 640 | 0 | 0 |" in text
    assert "## Refunds" in text
    assert "* **two/wreck** failed: " in text


# -- a run that is cancelled ---------------------------------------------------------------------------------------------


def test_a_cancelled_run_says_what_it_leaves_under_way(stage, until, prefect_client):
    from prefect.client.schemas import filters as by

    here = stage(processing=3600)
    board = here.board("Cut Short", {"one": [shot("pier")], "two": [shot("boat")], "three": [shot("gull")]})
    with here.started("run", board, "--json", LONGTAKE_MAX_IN_FLIGHT="2") as running:
        entries = here.store / "ledger"
        until(
            lambda: sum('"accepted"' in path.read_text() for path in entries.rglob("0*.json")) == 2,
            why="two are accepted",
            process=running,
        )
        running.send_signal(signal.SIGTERM)
        ran = here.finished(running)
    assert ran.code == 128 + signal.SIGTERM
    said = "2 attempts are under way (640 credits); the next run takes them up"
    assert f"cancelled: {said}" in ran.err.splitlines()
    assert here.provider.posts == 2

    key = "cut-short-summary"

    def page():
        # By key: the server of a test process holds more artifacts than one answer lists.
        found = prefect_client.read_artifacts(artifact_filter=by.ArtifactFilter(key=by.ArtifactFilterKey(any_=[key])))
        return next((one.data for one in found), None)

    assert said in until(page, why="the page is there")
    here.provider.advance()


def test_a_take_that_waits_says_once_what_for(stage, until, prefect_client):
    from prefect.client.schemas import filters as by

    here = stage(processing=3600)
    board = here.board("In Line", {"one": [shot("pier")], "two": [shot("boat")]})
    line = ": waits for its turn to be bought"

    def told():
        (run,) = prefect_client.read_flow_runs(flow_run_filter=by.FlowRunFilter(name={"any_": ["film In Line"]}))
        logs = prefect_client.read_logs(by.LogFilter(flow_run_id={"any_": [run.id]}), limit=200)
        return [log.message for log in logs if log.message.endswith(line)]

    with here.started("run", board, "--json", LONGTAKE_ACCOUNT_IN_FLIGHT="1") as running:
        until(lambda: len(here.provider.tasks()) == 1, why="one is bought", process=running)
        until(told, why="the other says that it waits", process=running)
        here.provider.advance()
        until(lambda: len(here.provider.tasks()) == 2, why="then it is bought", process=running)
        here.provider.advance()
        assert here.finished(running).code == 0
    assert len(told()) == 1


# -- the API goes away ---------------------------------------------------------------------------------------------------


def test_the_api_is_away_in_mid_run_and_the_ui_catches_up(stage, until, mortal_prefect):
    from prefect.client.orchestration import SyncPrefectClient

    here = stage(processing=3600)
    board = here.board("Away", {"one": [shot("pier"), shot("boat"), shot("gull")]})
    with here.started("run", board, "--json", PREFECT_API_URL=mortal_prefect.api) as running:
        for number in (1, 2, 3):
            until(lambda n=number: len(here.provider.tasks()) == n, why=f"shot {number} is bought", process=running)
            if number == 1:
                mortal_prefect.kill()
            if number == 3:
                # One shot was kept, and another bought, made and kept, while nobody listened.
                mortal_prefect.start()
            here.provider.advance()
        ran = here.finished(running)
    assert ran.code == 0, ran.err
    assert ran.states == {"pier": "bought", "boat": "bought", "gull": "bought"}
    assert "Prefect failed the run" not in ran.err
    with SyncPrefectClient(api=mortal_prefect.api) as client:
        this_run = run_filter(ran.answer["flow_run_id"])
        assert client.read_flow_run(UUID(ran.answer["flow_run_id"])).state_name == "Completed"
        artifacts = {a.key: a for a in client.read_artifacts(flow_run_filter=this_run)}
        assert artifacts["away-progress"].data == 100.0
        assert json.loads(artifacts["away-shots"].data)[-1]["settled"] == 3 * PRICE
        assert "charged **960**" in artifacts["away-summary"].data

        def ended():
            found = client.read_task_runs(flow_run_filter=this_run)
            return len(found) == 12 and {run.state_name for run in found} == {"Completed"}

        until(ended, why="every task run is recorded as ended")

"""An agent buys films through tools: under a budget, with the digest of a plan, each take once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from accounts import PRICE
from mcp_types import CallToolResult
from processes import clean_environment, until

from longtake.errors import TransientError
from longtake.mcp.running import Progress, Running


async def call(client, tool, **arguments):
    """The structured answer of a tool that works."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    return result.structured_content


async def refused(client, tool, **arguments):
    """The text of a tool's error."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error
    return result.content[0].text


def test_the_tools_say_what_they_take_what_they_give_and_which_of_them_cost(desk):
    async def main():
        async with desk.client() as client:
            return (await client.list_tools()).tools, (await client.list_resource_templates()).resource_templates

    tools, templates = asyncio.run(main())
    by_name = {tool.name: tool for tool in tools}
    assert set(by_name) == {"validate", "plan", "make", "status", "explain", "credits", "retake"}
    costs = {name for name, tool in by_name.items() if not tool.annotations.read_only_hint}
    assert costs == {name for name, tool in by_name.items() if tool.annotations.destructive_hint} == {"make", "retake"}
    assert set(by_name["make"].input_schema["required"]) == {"storyboard", "budget", "digest"}
    assert all(tool.output_schema["properties"] for tool in tools)
    for tool in tools:
        assert not {"store", "key", "api_key", "base_url"} & set(tool.input_schema["properties"])
    assert {one.uri_template for one in templates} == {
        "longtake://films/{film}/manifest",
        "longtake://films/{film}/report",
    }


def test_a_film_is_planned_bought_once_and_read(desk):
    account, board = desk.account, desk.write(desk.account.board("first", "second"))

    async def main():
        async with desk.client("Ada's agent\n\x1b[31m") as client:
            assert (await call(client, "validate", storyboard=board))["ok"]
            plan = await call(client, "plan", storyboard=board)
            assert (plan["takes_to_buy"], plan["reserve"], plan["fits_budgets"]) == (2, 2 * PRICE, True)
            assert [row["state"] for row in plan["shots"]] == ["missing", "blocked"]
            digest, budget = plan["digest"], plan["reserve"]
            # Nothing is spent without a budget, without a digest, or with another one.
            assert "budget" in await refused(client, "make", storyboard=board, digest=digest)
            assert "digest" in await refused(client, "make", storyboard=board, budget=budget)
            wrong = await refused(client, "make", storyboard=board, budget=budget, digest="0" * 32)
            assert "PlanChangedError" in wrong
            assert digest in wrong
            assert "has 159 left" in await refused(client, "make", storyboard=board, budget=budget - 1, digest=digest)
            assert "SettingsError" in await refused(client, "make", storyboard=board, budget=9, digest="../x")
            assert (account.bought(), desk.entries()) == ({}, [])

            told = []

            async def progress(done, total, message):
                told.append((done, total, message))

            result = await client.call_tool(
                "make", {"storyboard": board, "budget": budget, "digest": digest}, progress_callback=progress
            )
            made = result.structured_content
            assert (made["whole"], made["bought"], made["charged"], made["error"]) == (True, 2, 2 * PRICE, None)
            assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
            assert {total for _, total, _ in told} - {None} == {5}
            again = await call(client, "make", storyboard=board, budget=budget, digest=digest)
            assert (again["whole"], again["bought"], again["place"]) == (True, 0, made["place"])

            status = await call(client, "status", storyboard=board, digest=digest)
            assert (status["states"], status["joined"], status["running"]) == ({"current": 2}, "there", False)
            agreement = status["agreement"]
            assert (agreement["takes"], agreement["takes_to_buy"], agreement["used"]) == (2, 0, 2 * PRICE)
            credits = await call(client, "credits", film="a-film")
            assert credits["total"]["settled"] == 2 * PRICE
            films = json.loads((await client.read_resource("longtake://films")).contents[0].text)
            assert films == {"films": ["a-film"], "more": False}
            manifest, page = [(await client.read_resource(uri)).contents[0] for uri in made["resources"]]
            assert len(json.loads(manifest.text)["shots"]) == 2
            assert (page.mime_type, "</html>" in page.text) == ("text/html", True)
            return digest, made["place"]

    digest, place = asyncio.run(main())
    assert Path(place).is_file()
    assert account.bought() == {"first": 1, "second": 1}
    asked = [entry["by"].split("/", 4)[4] for entry in desk.entries() if entry["kind"] == "intent"]
    assert asked == ["mcp Ada's agent [31m"] * 2
    (agreed,) = account.folder.rglob("agreed/*.json")
    assert (agreed.stem, json.loads(agreed.read_text())["by"]) == (digest, "mcp Ada's agent [31m")


@pytest.mark.slow
def test_a_retake_shows_its_price_and_is_bought_once(desk):
    account, board = desk.account, desk.write(desk.account.board("only"))

    async def main():
        async with desk.client() as client:
            plan = await call(client, "plan", storyboard=board)
            await call(client, "make", storyboard=board, budget=plan["reserve"], digest=plan["digest"])
            why = await call(client, "explain", storyboard=board, shot="only")
            assert why["text"].startswith("s/only is current.")
            price = (await call(client, "retake", storyboard=board, shot="only"))["price"]
            assert (price["takes_to_buy"], price["reserve"]) == (1, PRICE)
            digest = price["digest"]
            assert "with both" in await refused(client, "retake", storyboard=board, shot="only", budget=PRICE)
            # The digest of the film's own plan is no digest of a retake.
            old = await refused(client, "retake", storyboard=board, shot="only", budget=PRICE, digest=plan["digest"])
            assert "does not have take 2 of only" in old
            assert account.bought() == {"only": 1}
            for bought in (1, 0):
                again = await call(client, "retake", storyboard=board, shot="only", budget=PRICE, digest=digest)
                assert (again["made"]["bought"], again["made"]["shots"][0]["take"]) == (bought, 2)

    asyncio.run(main())
    assert account.bought() == {"only": 2}


@pytest.mark.slow
def test_two_servers_at_once_buy_a_plan_once(desk):
    account, board = desk.account, desk.write(desk.account.board("first", "second"))

    async def main():
        async with desk.client("one") as one, desk.client("two") as two:
            plan = await call(one, "plan", storyboard=board)
            assert (await call(two, "plan", storyboard=board))["digest"] == plan["digest"]
            given = {"storyboard": board, "budget": plan["reserve"], "digest": plan["digest"]}
            return await asyncio.gather(*(call(each, "make", **given) for each in (one, two, one)))

    made = asyncio.run(main())
    assert {(each["whole"], each["charged"]) for each in made} == {(True, 2 * PRICE)}
    assert (len({each["place"] for each in made}), sum(each["bought"] for each in made)) == (1, 2)
    assert account.bought() == {"first": 1, "second": 1}


@pytest.mark.slow
def test_a_call_that_is_cancelled_loses_nothing_that_was_paid(desk):
    account, board = desk.account, desk.write(desk.account.board("only"))
    account.fault({"what": "slow", "seconds": 3600})

    async def main():
        async with desk.client() as client:
            plan = await call(client, "plan", storyboard=board)
            given = {"storyboard": board, "budget": plan["reserve"], "digest": plan["digest"]}
            bought = asyncio.Event()

            async def progress(done, total, message):
                if done >= 1:
                    bought.set()

            making = asyncio.create_task(client.call_tool("make", given, progress_callback=progress))
            await bought.wait()
            assert (await call(client, "status", storyboard=board))["running"]
            making.cancel()
            await asyncio.wait({making})
            while (status := await call(client, "status", storyboard=board))["running"]:
                pass
            assert status["states"] == {"under way": 1}
            account.advance()
            made = await call(client, "make", **given)
            assert (made["whole"], made["bought"]) == (True, 0)

    asyncio.run(main())
    assert account.bought() == {"only": 1}
    assert account.received() == len(account.tasks()) or len(account.tasks()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("end", ["signal", "closed"])
def test_a_server_that_ends_lets_an_open_purchase_be_written_down(desk, end):
    account, board = desk.account, desk.write(desk.account.board("only"))
    account.fault({"what": "slow", "seconds": 3600})
    command = [sys.executable, "-P", "-m", "longtake.cli", "mcp", str(desk.folder)]
    out = desk.folder.parent / "out-raw"
    desk.logs.append(out)

    async def plan():
        async with desk.client() as client:
            return await call(client, "plan", storyboard=board)

    digest = asyncio.run(plan())["digest"]
    with (
        out.open("w") as stdout,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, env=clean_environment(**account.env), text=True
        ) as server,
    ):
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
        make = {"name": "make", "arguments": {"storyboard": board, "budget": 1000, "digest": digest}}
        for message in (
            {"id": 1, "method": "initialize", "params": hello},
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": make},
        ):
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()
        until(lambda: [e for e in desk.entries() if e["kind"] == "accepted"], why="the take was not bought")
        if end == "signal":
            os.kill(server.pid, signal.SIGTERM)
        else:
            server.stdin.close()
        assert server.wait(timeout=60) == (128 + signal.SIGTERM if end == "signal" else 0)
    assert [entry["kind"] for entry in desk.entries() if entry["kind"] in {"intent", "accepted", "in_doubt"}] == [
        "intent",
        "accepted",
    ]


def test_a_run_that_begins_while_the_server_stops_is_refused():
    async def main():
        running, bought = Running(), []
        begun, stopping, written = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def told(*_):
            pass

        async def open_purchase():
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopping.set()
                await written.wait()

        async def late():
            bought.append("late")

        first = asyncio.create_task(running.run("first", open_purchase(), Progress(), told))
        await begun.wait()
        stop = asyncio.create_task(running.stop())
        await stopping.wait()
        with pytest.raises(TransientError, match="the server is being stopped"):
            await running.run("second", late(), Progress(), told)
        assert (bought, stop.done(), running.has("second")) == ([], False, False)
        written.set()
        await stop
        await asyncio.wait({first})

    asyncio.run(main())


@pytest.mark.slow
def test_a_film_with_a_shot_that_failed_is_told_and_goes_on_with_the_same_digest(desk):
    account, board = desk.account, desk.write(desk.account.board("first", "second"))
    account.fault({"what": "fail-80006"}, shot="second")

    async def main():
        async with desk.client() as client:
            plan = await call(client, "plan", storyboard=board)
            given = {"storyboard": board, "budget": plan["reserve"], "digest": plan["digest"]}
            made = await call(client, "make", **given)
            assert (made["whole"], made["bought"], made["would_cost"]) == (False, 2, PRICE)
            assert (made["error"]["kind"], made["error"]["exit_code"]) == ("FilmIncompleteError", 1)
            again = await call(client, "make", **given)
            assert (again["whole"], again["bought"], again["error"]) == (True, 1, None)

    asyncio.run(main())
    assert account.bought() == {"first": 1, "second": 1}


@pytest.mark.slow
def test_a_storyboard_that_asks_a_person_is_bought_by_no_agent(desk):
    asking = desk.account.board("only", approval={"before": ["spending"]})
    board = desk.write(asking)

    async def main():
        async with desk.client() as client:
            plan = await call(client, "plan", storyboard=board)
            return await refused(client, "make", storyboard=board, budget=1000, digest=plan["digest"])

    assert "asks a person before it spends" in asyncio.run(main())
    assert desk.account.bought() == {}

"""Inputs that the provider could not read are hosted again, under a URL never sent before; presigned URLs live long enough."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from boards import HEAD
from changing import use
from input_host import PINS, chain, first_url, run, sent, with_pins

from longtake.errors import RefusedError, UrlRefusedError
from longtake.take import TakeSpec, ensure_take, identify, upload

BALANCE = 50_000
FAILED = {"where": "submit", "what": "fail-80007", "times": 1}
REFUSED = {"where": "submit", "what": "refuse-30002", "times": 1}


def test_a_task_that_could_not_read_its_input_is_refunded_and_bought_once_more(small, pinned) -> None:
    small.faults(FAILED)
    got = run(small, lambda session: ensure_take(session, pinned))
    books = small.books()
    assert got.state == "bought"
    assert books["posts"] == {"received": 2, "charged": 2, "answered": 2}
    assert [task["refunded"] for task in books["tasks"]] == [got.take.credits, 0]
    assert books["balance"] == BALANCE - got.take.credits
    before, after = sent(small)
    assert before.partition("?")[0] == after.partition("?")[0]
    assert before != after
    state = small.ledger.read()
    assert (state.debits, state.refunds) == (2 * got.take.credits, got.take.credits)


def test_a_refusal_because_an_input_was_not_read_costs_nothing_and_is_tried_again(small, pinned) -> None:
    small.faults(REFUSED)
    got = run(small, lambda session: ensure_take(session, pinned))
    books = small.books()
    assert books["posts"] == {"received": 2, "charged": 1, "answered": 1}
    assert books["balance"] == BALANCE - got.take.credits
    outcomes = [c.outcome for c in small.ledger.log.history()]
    assert outcomes == ["refused", "settled"]


def test_inputs_are_hosted_again_a_limited_number_of_times(small, pinned) -> None:
    small.faults({"where": "submit", "what": "refuse-30002"})
    with pytest.raises(RefusedError, match="where the provider can read them") as caught:
        run(small, lambda session: ensure_take(session, pinned), max_attempts=2)
    assert caught.value.code == 30002
    assert (small.posts, small.books()["balance"]) == (2, BALANCE)


def test_after_a_frame_that_was_not_read_ours_is_sent(small) -> None:
    got = chain(small, between=lambda *_: small.faults(FAILED))
    assert got.state == "bought"
    theirs, ours = sent(small)
    assert "/cdn/tasks/" in theirs
    assert ours.startswith(small.settings.public_url)


def test_every_rehosting_gives_a_url_never_sent_before_and_reads_all_of_it(hosted, tmp_path) -> None:
    account, _ = hosted
    shot = account.resolve(HEAD + PINS, base=with_pins(tmp_path)).shots[0]

    async def work(session):
        identity = await identify(session.assets, TakeSpec(shot, 1, None))
        urls = [first_url((await upload(session.assets, identity, rehost=n)).body) for n in (0, 1, 2)]
        again = first_url((await upload(session.assets, identity)).body)
        path = account.folder / f"media/{shot.inputs[0].sha256}.png"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(UrlRefusedError, match="different bytes"):
            await upload(session.assets, identity, rehost=1)
        path.unlink()
        await upload(session.assets, identity, rehost=1)
        return urls, again

    urls, again = run(account, work)
    assert len(set(urls)) == 3
    assert again == urls[-1], "what was not read once is not sent to others"


# -- presigned URLs ------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_bucket(small, bucket):
    """The account with its store in a bucket."""
    return small.using(store=f"s3://{bucket}/film", public_url=None)


def seconds_of(url):
    return int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0])


@pytest.mark.slow
def test_presigned_urls_outlive_queue_and_generation(in_bucket, pinned) -> None:
    async def work(session):
        identity = await identify(session.assets, pinned)
        for number, (longest_wait, least) in enumerate([(60, 86_000), (50_000, 100_000), (10**6, 604_000)]):
            use(session, settings=in_bucket.using(longest_wait=longest_wait).settings)
            body = (await upload(session.assets, identity, rehost=number)).body
            assert least <= seconds_of(first_url(body)) <= 7 * 86_400

    run(in_bucket, work)


@pytest.mark.slow
def test_a_presigned_input_that_was_not_read_gets_another_signature(in_bucket, pinned, caplog) -> None:
    in_bucket.faults(FAILED)
    with caplog.at_level(logging.DEBUG):
        got = run(in_bucket, lambda session: ensure_take(session, pinned))
    before, after = sent(in_bucket)
    signatures = [parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] for url in (before, after)]
    assert len(set(signatures)) == 2
    assert in_bucket.books()["balance"] == BALANCE - got.take.credits
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("longtake"))
    assert not any(signature in ours for signature in signatures)
    assert "X-Amz" not in got.take.model_dump_json()


@pytest.mark.slow
def test_with_both_kinds_of_url_the_other_one_is_tried(in_bucket, pinned, make_host, tmp_path) -> None:
    front = make_host(tmp_path / "front")
    file = front.root / f"media/{pinned.shot.inputs[0].sha256}.png"
    file.parent.mkdir(parents=True)
    file.write_bytes((tmp_path / "a.png").read_bytes())

    async def work(session):
        identity = await identify(session.assets, pinned)
        urls = [first_url((await upload(session.assets, identity, rehost=n)).body) for n in range(3)]
        front.gone.add(f"/media/{file.name}")
        return [*urls, *[first_url((await upload(session.assets, identity, rehost=n)).body) for n in (3, 4)]]

    urls = run(in_bucket, work, public_url=front.url)
    assert ["X-Amz-Signature" in url for url in urls] == [False, True, False, True, True]
    assert len(set(urls)) == 5

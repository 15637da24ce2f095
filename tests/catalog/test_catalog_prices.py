"""Prices: exact, one ceiling, never zero for what is not known."""

from __future__ import annotations

import math
from datetime import date
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from longtake.catalog import Catalog
from longtake.errors import CatalogError

CATALOG = Catalog.load()
FACE = "doubao-seedance-2.5-face"
RATED = [(model.id, name) for model in CATALOG.models.values() for name in model.rates]


@pytest.mark.parametrize(
    ("model", "resolution", "seconds", "credits"),
    [
        (FACE, "720p", 5, 1335),
        (FACE, "720p", 15, 4003),
        (FACE, "480p", 4, 475),
        ("doubao-seedance-2.0", "4k", 5, 4088),
        ("seedance-2.5", "480p", 5, 400),
        ("doubao-seedance-2.0-official", "480p", 5, 396),
        ("doubao-seedance-2.0-official", "720p", 5, 852),
        ("doubao-seedance-2.0-official", "1080p", 5, 2124),
        ("doubao-seedance-2.0-official", "4k", 5, 4274),
        ("doubao-seedance-2.0-fast-official", "480p", 4, 263),
        ("doubao-seedance-2.0-fast-official", "720p", 5, 706),
        ("seedance-2.0-mini", "720p", 5, 691),
    ],
)
def test_prices_are_those_seen_at_the_provider(model, resolution, seconds, credits):
    assert CATALOG.price(model, resolution=resolution, seconds=seconds).credits == credits


def test_an_open_length_reserves_thirty_seconds():
    assert CATALOG.reserve(FACE, resolution="720p", seconds=-1).credits == 8005
    assert CATALOG.reserve(FACE, resolution="720p", seconds=5).credits == 1335
    with pytest.raises(CatalogError, match="no price"):
        CATALOG.price(FACE, resolution="720p", seconds=-1)


@pytest.mark.parametrize(
    ("output", "source", "billable"),
    [(5, 3, 9), (5, 4, 9), (5, 4.2, 10), (6, 1, 10), (15, 15, 30), (4, 0.1, 7)],
)
def test_video_inputs_bill_their_length_or_five_thirds(output, source, billable):
    price = CATALOG.price(FACE, resolution="720p", seconds=output, source_seconds=source)
    assert price.credits == math.ceil(Decimal("0.1601") * billable * 1000)


def test_a_price_says_where_it_comes_from():
    launched = CATALOG.price(FACE, resolution="720p", seconds=5)
    assert (launched.planning, launched.as_of, bool(launched.source)) == (False, date(2026, 9, 14), True)
    planned = CATALOG.price("seedance-2.5-fast", resolution="480p", seconds=5)
    assert (planned.planning, planned.as_of) == (True, date(2026, 7, 28))
    assert "doubao-seedance-2.0-fast" in planned.source


def test_the_official_rates_with_video_inputs():
    asked = {"seconds": 6, "source_seconds": 4}
    for model, resolution, credits in (
        ("doubao-seedance-2.0-official", "4k", 5260),
        ("doubao-seedance-2.0-official", "720p", 1038),
        ("doubao-seedance-2.0-fast-official", "480p", 391),
    ):
        price = CATALOG.price(model, resolution=resolution, **asked)
        assert (price.credits, price.planning, price.as_of) == (credits, False, date(2026, 7, 23))


def test_only_the_part_of_a_rate_that_stands_in_is_a_planning_rate():
    plain = CATALOG.price(FACE, resolution="1080p", seconds=5)
    with_video = CATALOG.price(FACE, resolution="1080p", seconds=5, source_seconds=3)
    assert (plain.planning, plain.source) == (False, "the provider's model page")
    assert (with_video.planning, with_video.source[:21]) == (True, "0.6 of the plain rate")
    assert with_video.credits == math.ceil(Decimal("0.46185") * Decimal("0.6") * 9 * 1000)


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("doubao-seedance-2.0", {"resolution": "2k", "seconds": 5, "source_seconds": 3}),
        (FACE, {"resolution": "4k", "seconds": 5}),
        ("seedance-2.5-fast", {"resolution": "1080p", "seconds": 5}),
        (FACE, {"resolution": "720p", "seconds": 0}),
        (FACE, {"resolution": "720p", "seconds": 5, "source_seconds": math.nan}),
        (FACE, {"resolution": "720p", "seconds": 5, "source_seconds": -1}),
        ("nothing", {"resolution": "720p", "seconds": 5}),
    ],
)
def test_an_unknown_price_is_an_error(model, asked):
    with pytest.raises(CatalogError):
        CATALOG.price(model, **asked)


@given(st.sampled_from(RATED), st.integers(1, 3600))
def test_equals_the_formula_with_one_ceiling(rated, seconds):
    model, resolution = rated
    usd = CATALOG.model(model).rate(resolution).usd
    expected = (usd * seconds * 1000).to_integral_value(ROUND_CEILING)
    assert CATALOG.price(model, resolution=resolution, seconds=seconds).credits == expected


@given(st.sampled_from(RATED), st.integers(1, 600), st.fractions(Fraction(1, 1000), 100))
def test_equals_the_formula_with_video_inputs(rated, seconds, source):
    model, resolution = rated
    usd = CATALOG.model(model).rate(resolution).usd_with_video
    assume(usd is not None)
    billable = max(seconds + math.ceil(source), math.ceil(Fraction(5, 3) * seconds))
    price = CATALOG.price(model, resolution=resolution, seconds=seconds, source_seconds=source)
    assert price.credits == math.ceil(usd * billable * 1000)


@given(st.sampled_from(RATED), st.integers(1, 600), st.integers(1, 600))
def test_grows_with_seconds_and_never_gains_from_splitting(rated, first, second):
    model, resolution = rated

    def price(seconds):
        return CATALOG.price(model, resolution=resolution, seconds=seconds).credits

    assert 0 < price(first) <= price(first + second) <= price(first) + price(second)


@given(st.sampled_from(RATED), st.integers(1, 60), st.floats(0.01, 100), st.floats(0.01, 100))
def test_grows_with_the_source(rated, seconds, one, other):
    model, resolution = rated
    assume(CATALOG.model(model).rate(resolution).usd_with_video is not None)
    low, high = (
        CATALOG.price(model, resolution=resolution, seconds=seconds, source_seconds=source).credits
        for source in sorted((one, other))
    )
    assert low <= high

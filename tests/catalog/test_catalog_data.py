"""The shipped catalog against the contract, and files laid over it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from longtake.catalog import Catalog, load
from longtake.errors import CatalogError

CATALOG = Catalog.load()


def over(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return Catalog.load(path)


def test_the_copy_in_json_is_that_of_the_shipped_file_and_has_text_for_keys():
    assert load.COMPILED.read_text() == load.compile_shipped(), "run `make catalog`"

    def check(tree):
        for key, value in tree.items():
            assert isinstance(key, str)
            if isinstance(value, dict):
                check(value)

    check(load.read(load.SHIPPED))


def test_a_changed_file_counts_before_its_copy_is_written_again(tmp_path, monkeypatch):
    changed = tmp_path / "catalog.yaml"
    changed.write_text(load.SHIPPED.read_text().replace("stale_days: ", "stale_days: 1"))
    monkeypatch.setattr(load, "SHIPPED", changed)
    assert Catalog.load().billing.stale_days != CATALOG.billing.stale_days


def test_holds_every_model_of_the_contract():
    seed = {"seedance-2.5", "seedance-2.5-fast", "seedance-2.5-face", "seedance-2.5-fast-face"}
    variants = ("", "-fast", "-face", "-fast-face", "-official", "-fast-official")
    second = {f"doubao-seedance-2.0{variant}" for variant in variants} | {"seedance-2.0-mini"}
    assert set(CATALOG.models) == seed | second | {"doubao-seedance-2.5-face"}
    unpublished = seed | {"seedance-2.0-mini"}
    for model in CATALOG.models.values():
        assert set(model.rates) == set(model.resolution.values), model.id
        assert all(rate.planning == (model.id in unpublished) for rate in model.rates.values()), model.id
        assert model.constant_fields == ({"fallback": {"enabled": False}} if model.id in second else {})
        assert model.real_people == ("face" in model.id)
        assert set(model.pixel_table) == set(model.resolution.values) - {"4k"}


@pytest.mark.parametrize(
    ("model", "lengths", "resolutions", "default", "seed", "images"),
    [
        ("seedance-2.5", (4, 15, False), ("480p", "720p", "1080p"), "480p", True, 9),
        ("seedance-2.5-fast-face", (4, 15, False), ("480p", "720p"), "480p", True, 9),
        ("doubao-seedance-2.5-face", (4, 30, True), ("480p", "720p", "1080p"), "720p", False, 30),
        ("doubao-seedance-2.0", (4, 15, False), ("480p", "720p", "1080p", "4k"), "480p", False, 9),
        ("doubao-seedance-2.0-fast-face", (4, 15, False), ("480p", "720p"), "480p", True, 9),
        ("doubao-seedance-2.0-official", (4, 15, False), ("480p", "720p", "1080p", "4k"), "480p", False, 9),
        ("doubao-seedance-2.0-fast-official", (4, 15, False), ("480p", "720p"), "480p", False, 9),
        ("seedance-2.0-mini", (4, 15, False), ("480p", "720p"), "480p", False, 9),
    ],
)
def test_a_model_has_the_lengths_resolutions_and_inputs_of_the_contract(
    *, model, lengths, resolutions, default, seed, images
):
    found = CATALOG.model(model)
    assert (found.duration.min, found.duration.max, found.duration.auto) == lengths
    assert found.resolution.values == resolutions
    assert found.resolution.default == default
    assert (found.fields.seed is not None) == seed
    assert found.media.image.count == images


@pytest.mark.parametrize(
    ("model", "ratio", "resolution", "pixels"),
    [
        ("seedance-2.5", "16:9", "480p", (854, 480)),
        ("doubao-seedance-2.0", "16:9", "480p", (864, 496)),
        ("doubao-seedance-2.0-face", "9:16", "480p", (496, 864)),
        ("doubao-seedance-2.5-face", "21:9", "1080p", (2206, 946)),
        ("seedance-2.5-fast", "1:1", "720p", (960, 960)),
    ],
)
def test_a_ratio_and_a_resolution_make_the_pixels_of_the_contract(model, ratio, resolution, pixels):
    assert CATALOG.model(model).pixels(ratio, resolution) == pixels


@pytest.mark.parametrize(("ratio", "resolution"), [("adaptive", "480p"), ("16:9", "4k"), ("2:1", "480p")])
def test_unknown_pixels_are_an_error(ratio, resolution):
    with pytest.raises(CatalogError, match="no picture size"):
        CATALOG.model("doubao-seedance-2.0").pixels(ratio, resolution)


def test_near_misses_are_named():
    with pytest.raises(CatalogError, match=r"did you mean seedance-2\.5-fast"):
        CATALOG.model("seedance-2.5-fats")
    with pytest.raises(CatalogError, match=r"known: seedance-2\.5,"):
        CATALOG.model("veo")


def test_the_mini_has_its_own_name_for_the_ratio():
    fields = {model.id: model.fields.size for model in CATALOG.models.values()}
    assert fields.pop("seedance-2.0-mini") == "aspect_ratio"
    assert set(fields.values()) == {"size"}


def test_a_file_of_ones_own_leaves_a_constant_field_out(tmp_path):
    mine = over(tmp_path, "families: {doubao-seedance-2.0: {constant_fields: {fallback: null}}}")
    assert mine.model("doubao-seedance-2.0").constant_fields == {}
    mine = over(tmp_path, "models: {seedance-2.0-mini: {constant_fields: {fallback: null}}}")
    assert mine.model("seedance-2.0-mini").constant_fields == {}
    assert mine.model("doubao-seedance-2.0").constant_fields == {"fallback": {"enabled": False}}


def test_a_files_ending_says_which_kind_of_input_it_is():
    kinds = [CATALOG.inputs.kind_of_name(name) for name in ("a.PNG", "b.mov", "c.wav", "d.svg", "png")]
    assert kinds == ["image", "video", "audio", None, "image"]


def test_a_file_of_ones_own_changes_a_rate_and_nothing_else(tmp_path):
    mine = over(
        tmp_path,
        "models:\n  seedance-2.5:\n    rates:\n      720p: {usd: 0.26683, as_of: 2026-11-01, source: my invoice}\n",
    )
    price = mine.price("seedance-2.5", resolution="720p", seconds=15)
    assert (price.credits, price.planning, price.as_of, price.source) == (4003, False, date(2026, 11, 1), "my invoice")
    assert mine.model("seedance-2.5").rate("480p") == CATALOG.model("seedance-2.5").rate("480p")
    assert mine.model("seedance-2.5").rate("720p").usd == Decimal("0.26683")
    with pytest.raises(CatalogError, match="with video"):
        mine.price("seedance-2.5", resolution="720p", seconds=5, source_seconds=1)
    assert Catalog.load() == CATALOG


def test_a_file_of_ones_own_adds_and_takes_away(tmp_path):
    mine = over(
        tmp_path,
        "models:\n"
        "  doubao-seedance-2.0: null\n"
        "  seedance-3: {family: seedance-2.5, duration: {max: 60}, fields: {seed: null},"
        " rates: {480p: {usd: '0.1', as_of: 2027-01-01, source: s}}}\n"
        "families: {seedance-2.5: {prompt: {max: 2000}}}\n",
    )
    assert "doubao-seedance-2.0" not in mine.models
    model = mine.model("seedance-3")
    assert (model.duration.min, model.duration.max, model.fields.seed) == (4, 60, None)
    assert mine.model("seedance-2.5").prompt.max == 2000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: {m: {family: nope}}", "model m must name a family"),
        ("models: {seedance-2.5: {rates: {480p: {usd: 0.2}}}}", r"models.seedance-2.5.rates.480p.as_of"),
        ("models: {seedance-2.5: {rates: {480p: {usd: 0, as_of: 2026-01-01, source: s}}}}", "greater than 0"),
        ("models: {seedance-2.5: {rates: {480p: {usd: .nan, as_of: 2026-01-01, source: s}}}}", "usd"),
        ("models: {seedance-2.5: {duratoin: 5}}", "duratoin"),
        ("models: {seedance-2.5: {size: {default: 2:1}}}", "not one of"),
        ("models: {seedance-2.5: {duration: {default: 3}}}", "default duration 3"),
        ("models: {seedance-2.5: {constant_fields: {resolution: 1080p}}}", "cannot hold resolution: a shot decides it"),
        ("schema: longtake-catalog/2", "schema"),
        ("- 1", "does not hold a mapping"),
        ("a: [", "not YAML"),
        ("models: 5", "must be mappings"),
        ("a: 1\na: 2", "not YAML"),
    ],
)
def test_mistakes_in_a_file_name_it_and_the_place(tmp_path, text, says):
    with pytest.raises(CatalogError, match=says) as caught:
        over(tmp_path, text)
    assert "mine.yaml" in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CatalogError, match="cannot be read"):
        Catalog.load(tmp_path / "none.yaml")

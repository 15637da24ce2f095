"""A storyboard or a block may ask for a marked copy of the film; a film that was joined before gets one."""

from __future__ import annotations

import pytest

from longtake import film, request
from longtake.blocks import ArtifactStore
from longtake.catalog import Catalog
from longtake.errors import SettingsError
from longtake.settings import Settings
from longtake.storyboard import load_any
from longtake.studio.unchanged import unchanged


def left_as_it_is(studio, board):
    """Whether a run would have nothing to do."""
    catalog = Catalog.load(studio.settings.catalog)
    resolved = request.resolve(load_any(board), catalog)
    return unchanged(resolved, catalog=catalog, settings=studio.settings, film="a-film") is not None


@pytest.mark.slow
def test_a_film_that_was_joined_before_gets_the_copy_its_storyboard_asks_for(account, studio):
    board = account.board("first", marking="off")
    before = studio.make_sync(board)
    assert left_as_it_is(studio, board)
    asked = board.model_copy(update={"marking": "metadata"})
    assert not left_as_it_is(studio, asked)
    after = studio.make_sync(asked)
    assert (after.place, after.cost.charged) == (before.place, 0)
    assert film.verify(after.path.with_name("film-marked.mp4")).holds
    assert left_as_it_is(studio, asked)


@pytest.mark.slow
def test_a_film_for_hls_is_left_as_it_is_once_both_copies_are_there(account, studio):
    board = account.board("first", hls=True, marking="metadata")
    made = studio.make_sync(board)
    assert left_as_it_is(studio, board)
    folder = made.path.with_name("hls-marked")
    assert film.verify(folder).holds
    (folder / "index.m3u8").unlink()
    assert not left_as_it_is(studio, board)
    assert studio.make_sync(board).cost.charged == 0
    assert film.verify(folder / "index.m3u8").holds


def test_a_film_that_cannot_be_signed_buys_nothing(account, studio):
    with pytest.raises(SettingsError, match="no certificate or no key"):
        studio.make_sync(account.board("first", marking="signed"))
    assert account.bought() == {}


def test_a_block_says_more_than_the_environment_and_less_than_a_storyboard():
    base = Settings(marking="metadata")
    assert ArtifactStore(uri="file:///films").settings(base).marking == "metadata"
    signed = ArtifactStore(uri="file:///films", marking="signed").settings(base)
    assert signed.marking == "signed"
    assert film.marked_as(signed, None).marking == "signed"
    assert film.marked_as(signed, "off").marking == "off"

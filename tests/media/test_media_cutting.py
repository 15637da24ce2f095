from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import MediaError
from longtake.media.concat.cutting import Blend, Copy, Encode, cut, starts
from longtake.media.streams.index import Index

# I0 P4 B2 b1 b3 P7 b5 b6, then a new group of pictures at 8.
ORDER = [0, 4, 2, 1, 3, 7, 5, 6, 8, 10, 9]
REORDERED = Index.build([rank * 512 for rank in ORDER], frozenset({0, 8}), ticks=512, whole=True)


def plain(count):
    return Index.build(range(count), frozenset({0}), ticks=1, whole=True)


def test_an_index_ranks_frames_and_knows_their_delay():
    assert list(REORDERED.ranks) == ORDER
    assert REORDERED.regular
    assert REORDERED.delay == 2


def test_uneven_or_hidden_frames_are_not_regular():
    assert not Index.build([0, 512, 1500], frozenset({0}), ticks=512, whole=True).regular
    assert not Index.build([0, 512, 1024], frozenset({0}), ticks=512, whole=False).regular


@pytest.mark.parametrize(
    ("limit", "safe"), [(0, 0), (1, 1), (3, 1), (4, 1), (5, 5), (7, 5), (8, 8), (11, 11), (99, 11)]
)
def test_a_cut_keeps_no_frame_that_needs_a_later_one(limit, safe):
    assert REORDERED.cut(limit) == safe


@pytest.mark.parametrize(("first", "place"), [(0, 0), (1, 8), (8, 8), (9, None)])
def test_playing_begins_at_key_frames_only(first, place):
    assert REORDERED.start(first) == place


def test_an_open_group_is_no_place_to_begin():
    # The frames after the key frame at 3 are shown before it and look at the group before.
    opened = Index.build([0, 1, 2, 5, 3, 4], frozenset({0, 3}), ticks=1, whole=True)
    assert opened.start(1) is None

    # A key frame in its place, but one before it is shown after it.
    tangled = Index.build([0, 3, 2, 1], frozenset({0, 2}), ticks=1, whole=True)
    assert tangled.start(1) is None


def test_clips_that_agree_are_copied_whole():
    assert list(cut([3, 4], [0, 0], [plain(3), plain(4)])) == [Copy(0, 0, 3), Copy(1, 0, 4)]


def test_a_crossfade_encodes_the_blend_and_what_depends_on_it():
    pieces = list(cut([11, 11], [0, 3], [REORDERED, REORDERED]))
    assert pieces == [Copy(0, 0, 8), Blend(1, 8, 0, 3, 5), Copy(1, 8, 3)]


def test_what_leans_on_a_crossfade_is_encoded_with_it():
    # Of the first clip frames 5 to 6 depend on frame 7, which is blended; the second can be cut only at its start.
    assert list(cut([11, 9], [0, 4], [REORDERED, plain(9)])) == [Copy(0, 0, 5), Blend(1, 5, 2, 4, 5)]


def test_a_shorter_clip_loses_its_tail():
    assert list(cut([10], [0], [REORDERED])) == [Copy(0, 0, 9), Encode(0, 9, 1)]
    assert list(cut([6, 2], [0, 0], [plain(7), plain(2)])) == [Copy(0, 0, 6), Copy(1, 0, 2)]


def test_a_clip_that_cannot_be_copied_is_encoded_with_one_of_its_transitions():
    assert list(cut([9, 9, 9], [0, 2, 3], [None] * 3)) == [Blend(1, 0, 7, 2, 4), Blend(2, 6, 0, 3, 6)]


def test_an_odd_clip_is_encoded_alone():
    assert list(cut([3, 4, 3], [0, 0, 0], [plain(3), None, plain(3)]))[1] == Encode(1, 0, 4)


def test_a_clip_too_short_for_its_crossfades_is_named():
    with pytest.raises(MediaError, match="clip 2 has 10 frames, its transitions need 12"):
        starts([20, 10, 20], [0, 6, 6])


@given(st.lists(st.tuples(st.integers(8, 30), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=8))
def test_the_pieces_make_up_the_film(clips):
    lengths = [length for length, _, _ in clips]
    overlaps = [0, *(overlap for _, overlap, _ in clips[1:])]
    kinds = [plain(length) if copied % 2 else pyramid(length) for length, _, copied in clips]
    indexes = [index if copied < 3 else None for index, (_, _, copied) in zip(kinds, clips, strict=True)]
    pieces = list(cut(lengths, overlaps, indexes))
    assert sum(piece.frames for piece in pieces) == sum(lengths) - sum(overlaps) == starts(lengths, overlaps)[-1]
    assert all(piece.frames > 0 for piece in pieces)
    for clip, length in enumerate(lengths):
        shown = [frame for piece in pieces for frame in _frames_of(piece, clip)]
        assert shown == list(range(length))


def pyramid(count):
    """Groups of six frames with two reordered ones, each group with a key frame."""
    order = [
        rank for group in range(0, count, 6) for rank in (group, group + 3, group + 1, group + 2, group + 4, group + 5)
    ]
    kept = [rank for rank in order if rank < count]
    return Index.build(kept, frozenset(kept.index(rank) for rank in range(0, count, 6)), ticks=1, whole=True)


def _frames_of(piece, clip):
    if isinstance(piece, Blend):
        if piece.clip - 1 == clip:
            return range(piece.first, piece.first + piece.before + piece.count)
        return range(piece.count + piece.after) if piece.clip == clip else range(0)
    return range(piece.first, piece.first + piece.frames) if piece.clip == clip else range(0)

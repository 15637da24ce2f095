from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longtake.errors import MediaError
from longtake.media import avc
from longtake.media.cutting import Blend, Copy, Encode, cut, starts
from longtake.media.index import Index

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
    assert pieces == [Copy(0, 0, 8), Blend(1, 8, 3), Encode(1, 3, 5), Copy(1, 8, 3)]


def test_an_odd_clip_is_encoded_alone():
    assert list(cut([3, 4, 3], [0, 0, 0], [plain(3), None, plain(3)]))[1] == Encode(1, 0, 4)


def test_a_clip_too_short_for_its_crossfades_is_named():
    with pytest.raises(MediaError, match="clip 2 has 10 frames, its crossfades need 12"):
        starts([20, 10, 20], [0, 6, 6])


@given(st.lists(st.tuples(st.integers(8, 30), st.integers(0, 4), st.booleans()), min_size=1, max_size=8))
def test_the_pieces_make_up_the_film(clips):
    lengths = [length for length, _, _ in clips]
    overlaps = [0, *(overlap for _, overlap, _ in clips[1:])]
    indexes = [plain(length) if copied else None for length, _, copied in clips]
    pieces = list(cut(lengths, overlaps, indexes))
    assert sum(piece.count for piece in pieces) == sum(lengths) - sum(overlaps) == starts(lengths, overlaps)[-1]
    assert all(piece.count > 0 for piece in pieces)
    for clip, length in enumerate(lengths):
        shown = [frame for piece in pieces for frame in _frames_of(piece, clip)]
        assert shown == list(range(length))


def _frames_of(piece, clip):
    if isinstance(piece, Blend) and piece.clip - 1 == clip:
        return range(piece.first, piece.first + piece.count)
    if piece.clip != clip:
        return range(0)
    return range(piece.count) if isinstance(piece, Blend) else range(piece.first, piece.first + piece.count)


def configuration(studio, name, *options):
    import av

    with av.open(str(studio.clip(name, frames=5, audio=False, options=options))) as container:
        return bytes(container.streams.video[0].codec_context.extradata)


def test_a_configuration_survives_taking_apart(studio):
    record = configuration(studio, "high")
    parsed = avc.parse(record)
    assert parsed is not None
    assert parsed.pack() == record
    assert avc.free_id(parsed) == 1


def test_ids_in_use_are_not_free(studio):
    parsed = avc.parse(configuration(studio, "first", "-x264-params", "sps-id=0"))
    other = avc.parse(configuration(studio, "second", "-x264-params", "sps-id=1"))
    merged = avc.parse(avc.merge(parsed, other))
    assert merged.sequence_sets == parsed.sequence_sets + other.sequence_sets
    assert merged.picture_sets == parsed.picture_sets + other.picture_sets
    assert avc.free_id(merged) == 2


@given(st.binary(max_size=80))
def test_any_bytes_are_a_configuration_or_none(record):
    parsed = avc.parse(b"\x01" + record)
    if parsed is not None:
        avc.free_id(parsed)

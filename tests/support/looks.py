"""How a clip or a picture looks, measured alone; `media.examine` measures the same of a clip on its way."""

from __future__ import annotations

from longtake import media
from longtake.media.measure.thumbs import Reducer
from longtake.media.measure.tones import THUMB, ToneMeter
from longtake.media.streams.probing import opened


def measure_look(clip):
    meter, reducer = ToneMeter(), Reducer(media.probe(clip), *THUMB)
    with opened(clip) as container:
        for number, frame in enumerate(container.decode(video=0)):
            meter.add(number, frame, reducer.reduce(frame))
    return meter.tone()

"""A film in a browser's page, and the pictures it shows."""

from __future__ import annotations

import json

OPEN = """
(async (source, captions) => {
  const video = document.createElement("video");
  video.muted = true;
  const ready = new Promise((done, fail) => {
    video.onloadeddata = done; video.onerror = () => fail(video.error.message);
  });
  const track = document.createElement("track");
  const said = new Promise((done, fail) => { track.onload = done; track.onerror = () => fail("no captions"); });
  if (captions) {
    track.kind = "captions"; track.src = captions; track.default = true;
    video.append(track);
    track.track.mode = "showing";
  }
  document.body.replaceChildren(video); video.src = source;
  await ready;
  if (captions) await said;
  window.video = video;
  return {seconds: video.duration, width: video.videoWidth, height: video.videoHeight,
          cues: [...track.track.cues ?? []].map(cue => [cue.startTime, cue.endTime, cue.text])};
})(%s, %s)
"""
# "seeked" comes before the picture does: what counts is the frame that the browser says it presents.
SEEK = """
(async (seconds, half, points) => {
  const shown = new Promise(done => {
    const look = (_, {mediaTime}) => {
      if (Math.abs(mediaTime + half - seconds) < half) done(); else video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
  video.currentTime = seconds;
  await shown;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pencil = canvas.getContext("2d", {willReadFrequently: true});
  pencil.drawImage(video, 0, 0);
  return points.map(([x, y]) =>
    [...pencil.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data].slice(0, 3));
})(%f, 1 / 48, %s)
"""
PLAY_END = """
(async () => {
  video.currentTime = video.duration - 2;
  video.playbackRate = 2;
  const ended = new Promise((done, fail) => { video.onended = done; video.onerror = () => fail(video.error.message); });
  await video.play();
  await ended;
  return video.getVideoPlaybackQuality().corruptedVideoFrames ?? 0;
})()
"""


class FilmPlayer:
    """Plays films of 24 frames a second that lie next to an empty page."""

    def __init__(self, page, url: str) -> None:
        self.page = page
        page.open(f"{url}/index.html")

    def open(self, film: str, captions: str | None = None) -> dict:
        """Load a film; gives `seconds`, `width`, `height` and `cues`: begin, end and text of each caption."""
        return self.page.run(OPEN % (json.dumps(film), json.dumps(captions)))

    def colors(self, frame: int, points) -> list[list[int]]:
        """Red, green and blue at points of a frame; a point is a share of the width and of the height."""
        return self.page.run(SEEK % ((frame + 0.5) / 24, json.dumps(list(points))))

    def play_end(self) -> int:
        """Play the last two seconds; how many frames were corrupted."""
        return self.page.run(PLAY_END)


def back_and_forth(frames) -> list[int]:
    """Frames so ordered that going to each is a seek, backwards and forwards in turn."""
    order = sorted(frames)
    return [frame for pair in zip(order, reversed(order), strict=True) for frame in pair][: len(order)]

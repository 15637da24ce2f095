from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from longtake.errors import FfmpegError
from longtake.media import ffmpeg

ENDLESS = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=24", "-f", "null", "-"]


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_there_is_an_ffmpeg_that_says_its_version():
    assert ffmpeg.version()[0] in "0123456789nN"


def test_a_named_program_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("LONGTAKE_FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(FfmpegError, match="/nowhere/ffmpeg"):
        ffmpeg.binary()


def test_a_named_program_that_lacks_something_is_not_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(script(tmp_path / "ffmpeg", "echo ' V..... png  PNG image'")))
    with pytest.raises(FfmpegError, match="libx264, aac, mjpeg, xfade") as caught:
        ffmpeg.binary()
    assert "png" not in caught.value.message.split("which has no")[1]


def test_a_poor_ffmpeg_on_path_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.delenv("LONGTAKE_FFMPEG", raising=False)
    script(tmp_path / "ffmpeg", "echo nothing")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert ffmpeg.binary() != str(tmp_path / "ffmpeg")


def test_progress_grows_to_one():
    seen = []
    ffmpeg.run([*ENDLESS[:4], "-t", "2", "-f", "null", "-"], seconds=2, on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_an_error_names_the_cause(tmp_path):
    with pytest.raises(FfmpegError, match="No such file") as caught:
        ffmpeg.run(["-i", ffmpeg.file_url(tmp_path / "missing.mp4"), "-f", "null", "-"])
    assert "missing.mp4" in caught.value.log


def test_a_file_may_not_open_others(tmp_path, studio):
    clip = studio.clip("plain")
    listing = tmp_path / "list.mp4"
    listing.write_text(f"ffconcat version 1.0\nfile '{clip}'\n")
    read = ffmpeg.source(listing, "mov")
    with pytest.raises(FfmpegError):
        ffmpeg.run(ffmpeg.arguments(read.output("-", f="null")))


def test_time_out_ends_it(offspring):
    before = offspring()
    with pytest.raises(FfmpegError, match=r"after 0\.3 s"):
        ffmpeg.run(ENDLESS, timeout=0.3)
    assert offspring() == before


def test_what_progress_raises_ends_it(offspring):
    before = offspring()

    def stop(_share):
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        ffmpeg.run(ENDLESS, seconds=1e6, on_progress=stop)
    assert offspring() == before


def test_a_cancelled_coroutine_leaves_no_process_behind(offspring):
    async def work():
        before = offspring()
        going = asyncio.Event()
        task = asyncio.create_task(ffmpeg.arun(ENDLESS, seconds=1e6, on_progress=lambda _share: going.set()))
        await going.wait()
        assert offspring() > before
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert offspring() == before

    asyncio.run(work())


def test_a_coroutine_times_out_and_fails_like_a_call(offspring):
    async def work():
        before = offspring()
        with pytest.raises(FfmpegError, match=r"after 0\.3 s"):
            await ffmpeg.arun(ENDLESS, timeout=0.3)
        with pytest.raises(FfmpegError, match=r"Invalid|No such|Unknown"):
            await ffmpeg.arun(["-f", "lavfi", "-i", "nosuchsource", "-f", "null", "-"])
        await ffmpeg.arun([*ENDLESS[:4], "-t", "1", "-f", "null", "-"])
        assert offspring() == before

    asyncio.run(work())


def test_names_that_look_like_options_and_protocols_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-y.png", "http:x.png", "pipe:0", "a b%d.png"):
        made = [*ENDLESS[:4], "-frames:v", "1", "-update", "1", "-c:v", "png", "-f", "image2", ffmpeg.file_url(name)]
        ffmpeg.run(made)
        ffmpeg.run(ffmpeg.arguments(ffmpeg.source(tmp_path / name, "png_pipe").output("-", f="null")))
        assert (tmp_path / name).stat().st_size > 0


def test_importing_media_loads_nothing_heavy():
    heavy = {"av", "ffmpeg", "imageio_ffmpeg", "prefect", "httpx", "boto3", "fastapi"}
    code = (
        "import sys, longtake.media, longtake.media.ffmpeg, longtake.media.inspection; print(*sys.modules, sep=chr(10))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(out.stdout.split())

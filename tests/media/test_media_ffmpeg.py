from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from longtake.errors import FfmpegError
from longtake.media import ffmpeg
from longtake.media.files import replacing

LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{url}/a.mp4'\n",
    "dash": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="video/mp4">'
    "<Representation id='1'><BaseURL>{url}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
}
POOR = "echo 'ffmpeg version 5.1 of us'; echo ' V..... png  PNG image'"
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
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(script(tmp_path / "ffmpeg", POOR)))
    with pytest.raises(FfmpegError, match=r"aac, libx264, mjpeg, afade, .*xfade") as caught:
        ffmpeg.binary()
    assert "png" not in caught.value.message.split("which has no")[1]


def test_what_is_no_ffmpeg_is_not_taken_for_one(monkeypatch, tmp_path):
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(script(tmp_path / "ffmpeg", "echo hello")))
    with pytest.raises(FfmpegError, match="does not say which version"):
        ffmpeg.binary()


def test_an_ffmpeg_on_path_is_used_only_when_it_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("LONGTAKE_FFMPEG", raising=False)
    shipped = ffmpeg.choice()
    assert "imageio-ffmpeg" in shipped.why
    other = script(tmp_path / "ffmpeg", f'exec "{shipped.program}" "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(other))
    assert ffmpeg.choice() == shipped
    monkeypatch.setenv("LONGTAKE_FFMPEG", "ffmpeg")
    assert ffmpeg.choice() == ffmpeg.FfmpegChoice(str(other), "LONGTAKE_FFMPEG names it")


def test_a_wheel_without_a_binary_is_an_error_that_names_the_way_out(monkeypatch, tmp_path):
    """As on a platform for which the registry has only the source of imageio-ffmpeg; conda's, too, holds no binary."""
    (tmp_path / "imageio_ffmpeg").mkdir()
    (tmp_path / "imageio_ffmpeg" / "__init__.py").touch()
    code = "from longtake.media import ffmpeg; ffmpeg.choice()"
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "LONGTAKE_FFMPEG": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "the installed imageio-ffmpeg has no ffmpeg binary for this platform" in last
    assert "set LONGTAKE_FFMPEG" in last


def test_what_an_ffmpeg_can_do_is_known_and_what_it_cannot_is_said(monkeypatch, tmp_path):
    have = ffmpeg.capabilities()
    assert have.program == ffmpeg.binary()
    assert {"libx264", "libx265", "png"} <= have.encoders
    assert {"xfade", "sidechaincompress", "lutyuv"} <= have.filters
    ffmpeg.require(encoders=["libx265"], filters=["ebur128"])
    rows = [f"echo ' x. {name} x'" for name in sorted((have.encoders | have.filters) - {"libx265", "ebur128"})]
    plain = script(tmp_path / "ffmpeg", "echo 'ffmpeg version 5.1-plain of us'\n" + "\n".join(rows))
    monkeypatch.setenv("LONGTAKE_FFMPEG", str(plain))
    assert ffmpeg.version() == "5.1-plain"
    with pytest.raises(FfmpegError, match=r"\(5\.1-plain\) has no libx265, ebur128, which this needs") as caught:
        ffmpeg.require(encoders=["libx265", "png"], filters=["ebur128", "xfade"])
    assert "LONGTAKE_FFMPEG" in caught.value.next_step
    with pytest.raises(ValueError, match="not looked for: nosuch"):
        ffmpeg.require(filters=["nosuch"])


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


@pytest.mark.parametrize("demuxer", ["hls", "concat", "dash"])
def test_an_input_that_is_not_fenced_in_is_fenced_in_here(tmp_path, web, demuxer):
    listing = tmp_path / "list.mp4"
    listing.write_text(LISTS[demuxer].format(url=web.url))
    with pytest.raises(FfmpegError):
        ffmpeg.run(["-f", demuxer, "-i", str(listing), "-f", "null", "-"], timeout=20)
    assert web.asked == []


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


LATER = """
import sys
from longtake.media import ffmpeg
ffmpeg.run(sys.argv[1:], seconds=1e9, on_progress=lambda share: print("going", flush=True))
"""


def alive(text):
    """Numbers of the processes that run and have `text` on their command line."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line, state = (
                (process / "cmdline").read_bytes(),
                (process / "stat").read_text().rpartition(")")[2].split()[0],
            )
        except OSError:
            continue
        if text.encode() in line and state != "Z":
            found.add(int(process.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_ffmpeg_dies_with_a_parent_that_is_killed(tmp_path):
    mark = tmp_path / "endless.mkv"
    args = [*ENDLESS[:2], "-re", *ENDLESS[2:4], "-f", "matroska", ffmpeg.file_url(mark)]
    parent = subprocess.Popen([sys.executable, "-c", LATER, *args], stdout=subprocess.PIPE)
    assert parent.stdout.readline() == b"going\n"
    group = alive(str(mark)) - {parent.pid}
    assert len(group) >= 2, "the guard and ffmpeg"
    watched = [os.pidfd_open(number) for number in group]
    parent.kill()
    parent.wait()
    for process in watched:
        select.select([process], [], [])
        os.close(process)
    assert not alive(str(mark))


def test_what_is_interrupted_is_killed(tmp_path, offspring):
    before = offspring()

    def interrupt(_share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ffmpeg.run(
            [*ENDLESS[:4], "-f", "matroska", ffmpeg.file_url(tmp_path / "x.mkv")], seconds=1e6, on_progress=interrupt
        )
    assert offspring() == before
    assert not alive(str(tmp_path))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("muxer", ["matroska", "mpegts", "mp4"])
def test_a_full_disk_is_an_error(muxer, tmp_path):
    # MP4 seeks, which /dev/full allows and ignores.
    args = [*ENDLESS[:4], "-t", "1", "-c:v", "libx264", "-f", muxer, "file:/dev/full"]
    with pytest.raises(FfmpegError, match="No space left"):
        ffmpeg.run(args)


def test_a_killed_ffmpeg_is_an_error_and_leaves_no_half_file(tmp_path):
    into = tmp_path / "film.mkv"

    def kill(_share):
        # The guard keeps its words, ffmpeg is the one whose name is the program's.
        for number in alive(str(tmp_path)):
            # It may be called again while what it killed is on its way out.
            with contextlib.suppress(OSError):
                if Path(f"/proc/{number}/exe").resolve() == Path(ffmpeg.binary()).resolve():
                    os.kill(number, signal.SIGKILL)

    with pytest.raises(FfmpegError, match="ended with 137"), replacing(into) as beside:
        ffmpeg.run([*ENDLESS[:4], "-f", "matroska", ffmpeg.file_url(beside)], seconds=1e6, on_progress=kill)
    assert list(tmp_path.iterdir()) == []


def test_what_ffmpeg_says_is_bounded():
    said = ffmpeg.run([*ENDLESS[:4], "-t", "9", "-vf", "showinfo", "-f", "null", "-"], level="info")
    assert 4096 < len(said) <= 8192


def test_a_cancelled_coroutine_leaves_no_process_behind(offspring, tmp_path):
    pipe = tmp_path / "film.mkv"
    os.mkfifo(pipe)

    async def work():
        before = offspring()
        task = asyncio.create_task(ffmpeg.arun([*ENDLESS[:4], "-f", "matroska", ffmpeg.file_url(pipe)]))
        with await asyncio.to_thread(pipe.open, "rb"):  # open once ffmpeg writes to it
            assert offspring() > before
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert offspring() == before

    asyncio.run(work())


def test_a_coroutine_that_is_cancelled_before_ffmpeg_runs_leaves_no_process_behind(offspring):
    async def work():
        before = offspring()
        task = asyncio.create_task(ffmpeg.arun(ENDLESS))
        await asyncio.sleep(0)
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
    code = "import sys, longtake.media, longtake.media.ffmpeg, longtake.media.streams.inspection; print(*sys.modules, sep=chr(10))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(out.stdout.split())

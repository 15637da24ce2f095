"""`python -m bench._bare BOARD`: the same film by a bare script: no ledger, no checks, no engine, a poll each 100 ms."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from longtake.media import ffmpeg

BASE, FOLDER = os.environ["LONGTAKE_BASE_URL"], Path(os.environ["LONGTAKE_STORE"])
SETTINGS = {"model": "seedance-2.5", "size": "16:9", "generate_audio": False, "return_last_frame": True}


async def chain(http: httpx.AsyncClient, shots: list[dict[str, str]], defaults: dict[str, Any]) -> list[str]:
    """Shoot one after another: poll, fetch the frame, post the next. Gives the clips' URLs."""
    clips: list[str] = []
    frame = None
    for shot in shots:
        body = {**SETTINGS, **defaults, "prompt": shot["prompt"]}
        if frame is not None:
            body["image_with_roles"] = [{"url": frame, "role": "first_frame"}]
        task = (await http.post(f"{BASE}/videos/generations", json=body)).raise_for_status().json()
        while task["status"] == "processing":
            await asyncio.sleep(0.1)
            task = (await http.get(f"{BASE}/tasks/{task['id']}")).raise_for_status().json()
        frame = task["output"]["last_frame_url"]
        (FOLDER / f"{shot['id']}.png").write_bytes((await http.get(frame)).content)
        clips.append(task["output"]["video_urls"][0])
    return clips


async def fetched(http: httpx.AsyncClient, url: str, number: int) -> Path:
    path = FOLDER / f"{number:04}.mp4"
    path.write_bytes((await http.get(url)).content)
    return path


async def clips() -> list[Path]:
    board = json.loads(Path(sys.argv[1]).read_text())  # noqa: ASYNC240 - nothing else is to be done
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        chains = await asyncio.gather(*(chain(http, scene["shots"], board["defaults"]) for scene in board["scenes"]))
        urls = [url for urls in chains for url in urls]
        return [await fetched(http, url, number) for number, url in enumerate(urls)]


listed = FOLDER / "list.txt"
listed.write_text("".join(f"file 'file:{path}'\n" for path in asyncio.run(clips())))
words = ["-v", "error", "-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(FOLDER / "film.mp4")]
subprocess.run([ffmpeg.binary(), *words], check=True)

"""A process that copies a URL into a store and says by how many bytes its memory grew: `streamer.py URL STORE`."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from pydantic import SecretStr

from longtake import store
from longtake.provider import Provider


def memory(what: str) -> int:
    return int(re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


async def main() -> None:
    url, place = sys.argv[1:]
    opened = store.open(place)
    # Everything is loaded and connected before it starts to count.
    opened.put_if_absent("media/small", b"x")
    async with Provider(base_url="http://127.0.0.1:9/api/v1", key=SecretStr("sk-test")) as provider:
        with opened.spool() as path:
            await provider.fetch(url.rpartition("=")[0] + "=1000", path, limit=1000, kind="any")
            before = memory("VmRSS")
            fetched = await provider.fetch(url, path, limit=10**10, kind="any")
            key = f"media/{fetched.sha256}.mp4"
            await asyncio.to_thread(opened.put_file, key, path, content_type="video/mp4")
    json.dump({"grew": memory("VmHWM") - before, "bytes": fetched.bytes, "sha256": fetched.sha256}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())

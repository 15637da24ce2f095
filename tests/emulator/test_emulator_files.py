from __future__ import annotations

import pytest

from longtake.emulator.files import locate


def test_store_objects_have_head_and_range(stand, public):
    here = stand(public=public)
    url = f"{here.store}/media/red.png"
    data = (public / "media" / "red.png").read_bytes()
    head = here.http.head(url, headers={"Authorization": ""})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))
    assert head.headers["content-type"] == "image/png"
    part = here.http.get(url, headers={"Range": "bytes=8-15"})
    assert (part.status_code, part.content) == (206, data[8:16])
    assert here.http.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert here.http.put(url, content=b"x").status_code == 405


@pytest.mark.parametrize(
    "key",
    ["", "media", "media/", "ledger/1.json", "media/../ledger/1.json", "media/.tmp/x", ".tmp/x", "media//red.png", "/etc/passwd",
     "media/./red.png", "media/out.png", "media/none.png", "media\\red.png", "media/red.png\0"],
)  # fmt: skip
def test_only_media_can_be_located(public, key):
    (public / "ledger").mkdir()
    (public / "ledger" / "1.json").write_text("{}")
    (public / "media" / ".tmp").mkdir()
    (public / "media" / ".tmp" / "x").write_text("x")
    (public / "media" / "out.png").symlink_to(public / "ledger" / "1.json")
    assert locate(public, key) is None
    assert locate(public, "media/red.png") == public / "media" / "red.png"


@pytest.mark.parametrize("path", ["ledger/1.json", "media/%2e%2e/ledger/1.json", "..%2fledger/1.json", "%2fetc/passwd"])
def test_no_path_leads_out_of_the_folder_or_into_the_ledger(stand, public, path):
    (public / "ledger").mkdir()
    (public / "ledger" / "1.json").write_text("{}")
    here = stand(public=public)
    assert here.http.get(f"{here.store}/{path}").status_code == 404


def test_without_a_folder_there_is_no_store(shared):
    assert shared.http.get(f"{shared.store}/media/red.png").status_code == 404


def test_clips_have_head_and_range(stand):
    here = stand()
    url = here.made()["output"]["video_urls"][0]
    whole = here.http.get(url).content
    head = here.http.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(whole)), b"")
    part = here.http.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"

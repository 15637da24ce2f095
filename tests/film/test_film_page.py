"""`report.html` next to a film."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from longtake import manifest as manifests


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str, attribute: str) -> list[str]:
        return [found[attribute] for name, found in self.tags if name == tag and attribute in found]


def page_of(studio, film) -> Page:
    return Page(studio.read(film.key.replace("film.mp4", "report.html")).decode())


def test_the_page_names_every_clip_by_a_path_that_is_there(studio, write_board):
    film, _ = studio.run(write_board("one: A, two: B", "three: C!"))
    home = studio.store.path(film.key).parent
    page = page_of(studio, film)
    clips = page.all("video", "src")
    kept = {take.clip.key for shot in film.manifest.shots for take in (shot.used, *shot.alternates)}
    assert clips[0] == "film.mp4"
    assert {(home / clip).resolve() for clip in clips[1:]} == {studio.store.path(key).resolve() for key in kept}
    assert all((home / clip).is_file() for clip in clips)
    assert len(page.all("nav", "aria-label")) == 1
    anchors = [link for link in page.all("a", "href") if link.startswith("#")]
    assert [f"#{name}" for name in page.all("section", "id")] == anchors
    assert "seam A|B:" in page.text
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in page.all("img", "src"))


def test_words_of_a_storyboard_are_inert(studio, write_board):
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    film, _ = studio.run(write_board(f"one: {bad}").replace("A Small Film", f"Film {bad}"))
    page = page_of(studio, film)
    assert bad in page.text
    tags = {name for name, _ in page.tags}
    assert "script" not in tags
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    policy = next(found["content"] for name, found in page.tags if found.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_a_page_that_is_gone_comes_back_with_the_film(studio, write_board, longtake):
    film, _ = studio.run(write_board("one: A, two: B"))
    key = film.key.replace("film.mp4", "report.html")
    before = studio.read(key)
    studio.store.path(key).unlink()
    assert longtake(studio, "run", "--from-manifest", f"a-small-film/{film.manifest.digest}")[0] == 0
    assert studio.read(key) == before


def test_a_frame_that_is_gone_leaves_a_page_without_it(studio, write_board, longtake):
    film, _ = studio.run(write_board("one: A"))
    studio.store.path(film.manifest.shots[0].used.last_frame.key).unlink()
    path = studio.store.path(film.key.replace("film.mp4", "manifest.json"))
    for key in studio.listed(film.key.removesuffix("film.mp4")):
        if not key.endswith("manifest.json"):
            studio.store.path(key).unlink()
    assert longtake(studio, "run", "--from-manifest", path)[0] == 0
    assert re.search(r"take 1, used", page_of(studio, film).text)
    assert manifests.load(path.read_bytes(), name="m").sha256 == film.manifest.sha256

"""The report page: what it says of each photo, and that it stands alone."""

from __future__ import annotations

import base64
import io
import re
import urllib.parse
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovedit.resources import resource_path
from ovedit.ui.tokens import DARK, LIGHT, Tokens
from tests.batch.conftest import NAMES, RECIPE, photo, write

_VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """The elements of a page, checked to be closed as they were opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and "style" not in self.open:
            self.words.append(" ".join(data.split()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(run, folder) -> Page:
    """The report over four good photos, one unsure, one grey and one broken."""
    write(folder / "unsure.png", photo(5, sure=0.3))
    write(folder / "grey.png", np.full((80, 120, 3), 128, np.uint8))
    (folder / "<b>roken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    outcome = run(replace(RECIPE, name="Benches & <more>"))
    assert outcome.report is not None
    return Page(outcome.report.read_text(encoding="utf-8"))


def test_it_says_what_became_of_each_photo(page: Page) -> None:
    words = page.words
    for name, state in [
        ("unsure.png", "To review"),
        ("grey.png", "Not found"),
        ("<b>roken.jpg", "Failed"),
        *((name, "Done") for name in NAMES),
    ]:
        assert words[words.index(name) + 1] == state
    assert "“wooden bench” was found with confidence 0.30; the recipe asks for 0.50." in words
    assert "No bench." in words
    assert any(word.startswith("<b>roken.jpg is damaged") for word in words)
    assert any("confidence 0.90" in word for word in words)


def test_it_counts(page: Page) -> None:
    counts = dict(zip(page.words[1::1], page.words, strict=False))
    assert [counts[what] for what in ("done", "to review", "not found", "failed")] == [
        "4",
        "1",
        "1",
        "1",
    ]
    assert "7 photos" in page.words and "Benches & <more>" in page.words


def test_what_wants_an_eye_comes_first(page: Page) -> None:
    order = ["To review", "Not found", "Failed", "Done"]
    headings = [word for word in page.words if word in order]
    assert list(dict.fromkeys(headings)) == order


def test_it_shows_before_mask_and_after(page: Page) -> None:
    pictures = page.all("img")
    captions = [picture["alt"] for picture in pictures]
    assert captions.count("Before") == 6 and captions.count("After") == 4
    assert captions.count("Mask of wooden bench") == 6
    shown = {}
    for picture in pictures[-3:]:
        kind, data = str(picture["src"]).split(",", 1)
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            shown[picture["alt"]] = np.asarray(image.convert("RGB")).astype(int)
    assert {array.shape for array in shown.values()} == {(80, 120, 3)}
    inside = np.s_[35:45, 25:55]
    assert np.abs(shown["After"][inside] - (10, 200, 30)).max() < 40
    assert shown["Mask of wooden bench"][0:20].mean() < 0.7 * shown["Before"][0:20].mean()


def test_links_are_relative_and_lead_somewhere(page: Page, out: Path) -> None:
    links = [str(each["href"]) for each in page.all("a")]
    assert len(links) >= 7 + 6
    for link in links:
        assert not re.match(r"[a-z]+:|/", link)
        assert (out / urllib.parse.unquote(link)).exists(), link


def test_it_stands_alone(page: Page, out: Path) -> None:
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "http" not in text and "<script" not in text and "@import" not in text
    assert not page.all("link") and "$" not in text


def test_names_that_are_no_text_are_shown_somehow(run, folder) -> None:
    odd = folder / "odd-\udcff.png"
    try:
        write(odd, photo(8))
    except (OSError, UnicodeError):
        pytest.skip("this disk takes only names that are text")
    outcome = run()
    assert outcome.all_done and run().settled == outcome.total
    assert "odd-\ufffd.png" in Page(outcome.report.read_text(encoding="utf-8")).words


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=lambda tokens: tokens.name)
def test_its_colours_are_those_of_the_window(tokens: Tokens) -> None:
    text = resource_path("batch", "report.html").read_text(encoding="utf-8")
    light, dark = text.split("prefers-color-scheme", 1)
    block = dark.split("}", 1)[0] if tokens.name == "dark" else light
    for name in ("window", "panel", "raised", "line", "text", "dim", "accent", "good", "bad"):
        assert f"--{name}: {getattr(tokens, name)};" in block

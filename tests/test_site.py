"""The built site in a browser: python tools/preview_site.py, then pytest -m site."""
import functools
import http.server
import json
import os
import re
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from bs4 import BeautifulSoup
from preview_site import read_sidebar

pytestmark = pytest.mark.site
ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "_docs"
CONFIG = yaml.safe_load((ROOT / "_quarto.yml").read_text("utf-8"))["website"]


def url_of(notebook: str) -> str:
    "Where the page of a notebook lies: nbdev drops the number in front of its name."
    path = Path(notebook)
    return (path.parent / f"{re.sub(r'^[0-9]+_', '', path.stem)}.html").as_posix()


PAGES = [url_of(name) for _, name in read_sidebar(CONFIG)]


@functools.cache
def soup(url: str) -> BeautifulSoup:
    "A page as it was written."
    return BeautifulSoup((DOCS / url).read_text("utf-8"), "html.parser")


class Quiet(http.server.SimpleHTTPRequestHandler):
    "Serves the built site and does not log."

    def __init__(self, *args, **kwargs):
        super().__init__(*args, directory=str(DOCS), **kwargs)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def base():
    "Address of a local server of the built site."
    if not (DOCS / "index.html").is_file():
        pytest.fail("no site to look at; build it first: python tools/preview_site.py")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def tab(browser, base):
    "A tab that notes what goes wrong in it: errors, and requests that leave the local server."
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.faults = []
    page.on("console", lambda m: page.faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on(
        "request",
        lambda request: None
        if request.url.startswith((base, "data:"))
        else page.faults.append(f"asks another host: {request.url}"),
    )
    yield page
    context.close()


RAW_TEX = """() => {
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const raw = /\\$\\$|\\$[^$\\s][^$]*\\$|\\\\\\(|\\\\begin\\{|\\\\frac/;
  const found = [];
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (!node.parentElement.closest('code, pre, math, script, style') && raw.test(node.data))
      found.push(node.data.trim().slice(0, 80));
  }
  return found;
}"""
FLAT_MATH = "() => [...document.querySelectorAll('math')].filter(m => !m.clientHeight).length"
BLIND = """() => [...document.images].filter(i => i.complete && !i.naturalWidth)
  .map(i => i.getAttribute('src').slice(0, 80))"""
SEEN = """range => {
  const box = range.closest('figure, div[id]');
  return [...box.querySelectorAll('img')].filter(i => i.checkVisibility()).map(i => i.src).join();
}"""
NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize("url", PAGES)
def test_page(tab, base, url):
    "One visit: it opens, pictures and formulas show, sliders move, it fits a narrow screen."
    response = tab.goto(base + url)
    assert response.ok, f"{url}: status {response.status}"
    assert tab.locator("main h1").inner_text().strip()
    assert tab.locator("#sidebar [aria-current=page]").count() == 1
    assert not tab.evaluate(BLIND), "pictures that did not load"
    assert not tab.evaluate(RAW_TEX)
    assert not tab.evaluate(FLAT_MATH), "formulas without height"
    for slider in tab.locator("main input[type=range]").all():
        before = slider.evaluate(SEEN)
        slider.focus()
        tab.keyboard.press("ArrowRight")
        assert slider.evaluate(SEEN) != before, "the slider does not change the picture"
    tab.set_viewport_size(NARROW)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390, "it scrolls sideways"
    assert not tab.faults


@pytest.mark.parametrize("notebook", [name for _, name in read_sidebar(CONFIG)])
def test_formulas_of_the_notebook_are_on_the_page(notebook):
    cells = json.loads((ROOT / "nbs" / notebook).read_text("utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    text = re.sub(r"`[^`\n]*`|^```.*?^```", "", text, flags=re.M | re.S)
    formula = r"\$\$.+?\$\$|(?<![\\$])\$[^$\s](?:[^$]*?[^$\s\\])?\$(?!\d)"
    count = len(re.findall(formula, text, re.S))
    assert len(soup(url_of(notebook)).select("math")) >= count


def test_menu_on_a_narrow_page(tab, base):
    tab.set_viewport_size(NARROW)
    tab.goto(base)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert not tab.locator("#sidebar").is_visible()
    tab.locator(".menu").click()
    tab.locator("#sidebar a").nth(1).click()
    assert tab.url == base + PAGES[1]


def test_links_inside_the_site():
    ids = {url: {node["id"] for node in soup(url).find_all(id=True)} for url in PAGES}
    dead = []
    for url in PAGES:
        for link in soup(url).find_all("a", href=True):
            path, _, anchor = link["href"].partition("#")
            if "://" in path:
                continue
            target = os.path.normpath(Path(url).parent / path) if path else url
            if target not in ids or (anchor and unquote(anchor) not in ids[target]):
                dead.append(f"{url}: {link['href']}")
    assert not dead


def test_every_page_is_in_every_sidebar():
    for url in PAGES:
        links = soup(url).select("#sidebar a")
        targets = [os.path.normpath(Path(url).parent / link["href"]) for link in links]
        assert targets == PAGES


def test_alternative_texts():
    alts = [(url, image.get("alt")) for url in PAGES for image in soup(url).find_all("img")]
    assert all(alt for _, alt in alts), [url for url, alt in alts if not alt]
    places = {}
    for url, alt in alts:
        places.setdefault(alt, set()).add(url)
    assert not {alt: urls for alt, urls in places.items() if len(urls) > 1}
    twice = Counter(image["alt"] for url in PAGES for image in soup(url).select("figure > img"))
    assert not [alt for alt, count in twice.items() if count > 1]


def test_pages_do_not_say_where_they_were_made():
    assert not [url for url in PAGES if str(ROOT) in (DOCS / url).read_text("utf-8")]


def test_pages_say_that_they_are_the_preview():
    for url in PAGES:
        assert "preview" in soup(url).find("footer").get_text()


def test_search_finds_every_page(tab, base):
    tab.goto(base)
    lost = []
    for url in PAGES[1:]:
        tab.locator("#search").fill(soup(url).find("h1").get_text())
        found = tab.locator("#found a").evaluate_all("links => links.map(link => link.href)")
        if not any(href.split("#")[0] == base + url for href in found):
            lost.append(url)
    assert not lost


def test_search_opens_a_section_and_says_when_it_finds_nothing(tab, base):
    tab.goto(base)
    tab.keyboard.press("/")
    tab.keyboard.type("tie policy")
    tab.locator("#found a").first.wait_for()
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(r"\.html"))
    tab.locator("#search").fill("zzzz qqqq")
    assert tab.locator("#found").inner_text() == "Nothing found."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(browser, base, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(base)
    colours = page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
    )
    context.close()
    assert contrast(*colours) >= 7


def contrast(one: str, other: str) -> float:
    "Contrast of two CSS colours, from 1 to 21 (WCAG 2)."
    shades = []
    for colour in (one, other):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        shades.append(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])
    return (max(shades) + 0.05) / (min(shades) + 0.05)

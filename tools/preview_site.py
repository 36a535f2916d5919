"""Render the book without Quarto: `python tools/preview_site.py` writes `_docs/`.

Quarto builds the published site (`nbdev_docs`); this is the preview, for machines without it.
It reads the same `_quarto.yml` and the notebooks as nbdev prepares them, turns each into
Markdown, and lets pandoc make the page. It stops at the first fault: a page of the sidebar
that is missing, a pandoc warning, a dead link, a missing image, an error in a stored output.
"""
import argparse
import functools
import html
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template

import yaml
from bs4 import BeautifulSoup
from preview.notebook import HEADINGS, Page, SiteError, dress, page_markdown, pandoc, read_page

ROOT = Path(__file__).resolve().parents[1]
ASSETS = Path(__file__).resolve().parent / "preview"


def resolve(page: Page, pages: dict, site: dict, planned: set) -> None:
    "Point links between notebooks at pages, and bring the pictures along."
    here = Path(page.url).parent
    for link in page.body.find_all("a", href=True):
        href = link["href"].removeprefix(site["site-url"].rstrip("/") + "/")
        path, mark, anchor = href.partition("#")
        if href != link["href"]:  # nbdev writes full addresses for names in backticks
            target = next((p for p in pages.values() if p.url == path), page)
            while anchor and not target.body.find(id=anchor):
                anchor = anchor.rpartition(".")[0]  # a method has no entry: go to its class
            link["href"] = os.path.relpath(path, here) + f"#{anchor}".rstrip("#")
        if path.endswith(".ipynb") and "://" not in path:
            source = os.path.normpath(Path(page.source).parent / path)
            if source not in pages and source not in planned:
                raise page.fault(f"links to {path}, which is not in the sidebar")
            if source in planned:
                del link["href"]
            else:
                link["href"] = os.path.relpath(pages[source].url, here) + mark + anchor
    for image in page.body.find_all("img", src=True):
        target = (here / image["src"]).as_posix()
        if image["src"].startswith("data:") or target in page.files:
            continue
        path = ROOT / "nbs" / target
        if "://" in image["src"] or not path.is_file():
            raise page.fault(f"picture {image['src']} is not a file below nbs")
        page.files[target] = path.read_bytes()


def check_links(pages: list) -> None:
    "Every link inside the site leads to a page, and every `#part` to an id of that page."
    ids = {}
    for page in pages:
        named = [node["id"] for node in page.body.find_all(id=True)]
        double = {name for name in named if named.count(name) > 1}
        if double:
            raise page.fault(f"ids used twice: {', '.join(sorted(double))}")
        ids[page.url] = set(named)
    for page in pages:
        for link in page.body.find_all("a", href=True):
            path, _, anchor = link["href"].partition("#")
            if "://" in path or path.startswith("mailto:"):
                continue
            target = os.path.normpath(Path(page.url).parent / path) if path else page.url
            if target not in ids or (anchor and anchor not in ids[target]):
                raise page.fault(f"dead link {link['href']}")


def search_entries(page: Page) -> list:
    "Title, section and text of each part of a page, for the search box."
    soup = BeautifulSoup(str(page.body), "html.parser")
    for node in soup.select("annotation, script, style, .anchor"):
        node.decompose()
    entries = [{"url": page.url, "title": page.meta["title"], "part": "", "text": []}]
    entries[0]["text"].append(str(page.meta.get("description", "")))
    for node in soup.find_all(True, recursive=False):
        text = node.get_text(" ", strip=True)
        if node.name in HEADINGS and node.get("id"):
            url = f"{page.url}#{node['id']}"
            entries.append({"url": url, "title": page.meta["title"], "part": text, "text": []})
        else:
            entries[-1]["text"].append(text)
    return [entry | {"text": " ".join(entry["text"])[:2000]} for entry in entries]


def sidebar_html(pages: list, page: Page) -> str:
    "The list of all pages by section, with this one marked."
    here, parts, section = Path(page.url).parent, [], None
    for other in pages:
        if other.section != section:
            section = other.section
            parts.append(f"<p>{html.escape(section)}</p>")
        mark = ' aria-current="page"' if other is page else ""
        href, title = os.path.relpath(other.url, here), html.escape(other.meta["title"])
        parts.append(f'<a href="{href}"{mark}>{title}</a>')
    return "\n".join(parts)


def contents_html(page: Page) -> str:
    "The page's own table of contents: its headings of the first two levels."
    parts = []
    for heading in page.body.find_all(["h2", "h3"], id=True):
        text = heading.get_text().removesuffix("#").strip()
        parts.append(f'<a class="{heading.name}" href="#{heading["id"]}">{html.escape(text)}</a>')
    return "\n".join(parts)


def step_html(page: Page, other: Page | None, rel: str) -> str:
    "The link to the page before or after."
    if other is None:
        return "<span></span>"
    href = os.path.relpath(other.url, Path(page.url).parent)
    word = "Previous" if rel == "prev" else "Next"
    title = html.escape(other.meta["title"])
    return f'<a rel="{rel}" href="{href}"><small>{word}</small>{title}</a>'


def page_html(page: Page, pages: list, site: dict, template: Template) -> str:
    "The finished page."
    index, top = pages.index(page), os.path.relpath(".", Path(page.url).parent)
    before = pages[index - 1] if index else None
    after = pages[index + 1] if index + 1 < len(pages) else None
    return template.substitute(
        title=html.escape(page.meta["title"]),
        description=html.escape(str(page.meta.get("description", ""))),
        section=html.escape(page.section),
        site=html.escape(site["title"]),
        repo=site["repo-url"],
        source=f"{site['repo-url']}/blob/{site['repo-branch']}/nbs/{page.source}",
        top=top,
        body=str(page.body),
        sidebar=sidebar_html(pages, page),
        contents=contents_html(page),
        before=step_html(page, before, "prev"),
        after=step_html(page, after, "next"),
    )


def read_sidebar(site: dict) -> list:
    "(section, notebook) of every entry of the sidebar, in reading order."
    sections = site["sidebar"]["contents"]
    return [(part["section"], name) for part in sections for name in part["contents"]]


def build(out: Path, allow_missing: bool = False) -> list:
    "Render every page of the sidebar into `out`; returns the pages."
    from nbdev.serve import proc_nbs

    site = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]
    entries = read_sidebar(site)
    planned = {name for _, name in entries if not (ROOT / "nbs" / name).is_file()}
    if planned and not allow_missing:
        raise SiteError(f"_quarto.yml names missing notebooks: {', '.join(sorted(planned))}")
    os.chdir(ROOT)
    proc_nbs(force=True)
    pages = [read_page(ROOT / "_proc" / n, n, s) for s, n in entries if n not in planned]
    render = functools.partial(pandoc, bibliography=ROOT / "nbs" / "references.bib")
    texts = [page_markdown(page).replace(f"{ROOT}/", "") for page in pages]  # in default values
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # pandoc is a process of its own
        bodies = list(pool.map(render, pages, texts))
    for page, body in zip(pages, bodies, strict=True):
        page.body = body
        dress(page)
    for page in pages:
        resolve(page, {p.source: p for p in pages}, site, planned)
    check_links(pages)
    write(out, pages, site)
    return pages


def write(out: Path, pages: list, site: dict) -> None:
    "Write the pages, their pictures and the shared files."
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    template = Template((ASSETS / "page.html").read_text(encoding="utf-8"))
    for page in pages:
        files = page.files | {page.url: page_html(page, pages, site, template).encode()}
        for name, content in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
    for path in (ROOT / "nbs" / "styles.css", ASSETS / "site.css", ASSETS / "site.js"):
        shutil.copy(path, out)
    entries = [entry for page in pages for entry in search_entries(page)]
    index = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    (out / "search.js").write_text(f"window.searchIndex = {index};\n", encoding="utf-8")


def main() -> None:
    "Command line."
    parser = argparse.ArgumentParser(description="Render the book's preview, without Quarto.")
    parser.add_argument("--out", type=Path, default=ROOT / "_docs", help="folder to write")
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out planned notebooks (while writing)"
    )
    args = parser.parse_args()
    try:
        pages = build(args.out.resolve(), args.allow_missing)
    except SiteError as error:
        raise SystemExit(f"preview_site: {error}") from None
    print(f"{len(pages)} pages in {args.out}; serve with: python -m http.server -d {args.out}")


if __name__ == "__main__":
    main()

"""One notebook to the body of one HTML page: cells to Markdown, Markdown through pandoc."""
import base64
import html
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pypandoc
import yaml
from bs4 import BeautifulSoup

HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
IMAGES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}
ANSI = re.compile(r"\x1B(?:[@-Z\\-_]|\[[0-?]*[ -/]*[@-~])")


class SiteError(Exception):
    "A fault of a page; the message names the page."


@dataclass
class Page:
    "One notebook on its way to one HTML page."

    source: str  # path below nbs, "kg/01_store.ipynb"
    section: str  # heading of the sidebar it stands under
    meta: dict  # front matter: title, description, output-file
    cells: list  # cells as nbdev prepared them
    files: dict = field(default_factory=dict)  # path below the site -> bytes, of its figures
    body: BeautifulSoup = None

    @property
    def url(self) -> str:
        "Path of the page below the site."
        name = self.meta.get("output-file", Path(self.source).stem + ".html")
        return (Path(self.source).parent / name).as_posix()

    def fault(self, message: str) -> SiteError:
        "An error that names this page."
        return SiteError(f"nbs/{self.source}: {message}")


def read_page(path: Path, source: str, section: str) -> Page:
    "The page of one prepared notebook: its front matter and its cells."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    front = cells.pop(0)["source"].strip() if cells[0]["cell_type"] == "raw" else ""
    page = Page(source, section, yaml.safe_load(front.strip("-")) if front else {}, cells)
    if not page.meta.get("title"):
        raise page.fault("no title; its first Markdown cell must be '# Title' and '> sentence'")
    return page


def split_options(source: str) -> tuple[dict, str]:
    "The `#| key: value` lines on top of a cell as a dict, and the code below them."
    options, lines = {}, source.splitlines()
    while lines and lines[0].startswith("#|"):
        key, _, value = lines.pop(0)[2:].partition(":")
        options[key.strip()] = yaml.safe_load(value)
    return options, "\n".join(lines).strip("\n")


def fence(text: str, kind: str) -> str:
    "A fenced block that no run of backticks in `text` can end."
    ticks = "`" * (2 + max([1, *map(len, re.findall("`+", text))]))
    return f"{ticks}{kind}\n{text}\n{ticks}"


def figure_markdown(page: Page, content: str, options: dict) -> str:
    "`content` (HTML) as a captioned figure; numbered when it has a label."
    label = options.get("label", "")
    number = f"Figure {page.meta['figures'][label]}: " if label in page.meta["figures"] else ""
    caption = f"{number}{options.get('fig-cap', '')}"
    tag = f"#{label} .figure" if label else ".figure"
    note = f"\n::::: figcaption\n{caption}\n:::::\n" if caption else ""
    return f":::: {{{tag}}}\n{fence(content, '{=html}')}\n{note}::::"


def image_markdown(page: Page, kind: str, data, options: dict) -> str:
    "A stored picture, written to a file of its own."
    alt = options.get("fig-alt")
    if not alt:
        raise page.fault("a stored picture has no '#| fig-alt:'")
    name = f"{Path(page.url).stem}-{len(page.files) + 1}.{IMAGES[kind]}"
    text = "".join(data)
    raw = text.encode() if kind == "image/svg+xml" else base64.b64decode(text)
    page.files[(Path(page.url).parent / "figures" / name).as_posix()] = raw
    return figure_markdown(
        page, f'<img src="figures/{name}" alt="{html.escape(str(alt))}">', options
    )


def output_markdown(page: Page, output: dict, options: dict) -> str:
    "One stored output of a cell as Markdown."
    if output["output_type"] == "error":
        raise page.fault(f"stores an error: {output['ename']}: {output['evalue']}")
    if output["output_type"] == "stream":
        return fence(ANSI.sub("", "".join(output["text"])).rstrip(), "{.output}")
    data = output["data"]
    if "text/html" in data:
        content = "".join(data["text/html"])
        return figure_markdown(page, content, options) if "fig-cap" in options else fence(
            content, "{=html}"
        )
    for kind in IMAGES:
        if kind in data:
            return image_markdown(page, kind, data[kind], options)
    if "text/markdown" in data:
        return "".join(data["text/markdown"])
    if any("widget" in kind for kind in data):
        raise page.fault("stores a widget, which does nothing on a static page")
    return fence(ANSI.sub("", "".join(data["text/plain"])).rstrip(), "{.output}")


def code_markdown(page: Page, cell: dict) -> str:
    "A code cell and its outputs as Markdown, as its `#|` options ask."
    options, code = split_options(cell["source"])
    if options.get("include") is False:
        return ""
    parts = []
    if options.get("echo") is not False and code:
        parts.append(fence(code, "python"))
        if options.get("code-fold"):
            state = " open" if options["code-fold"] == "show" else ""
            title = html.escape(str(options.get("code-summary", "Code")))
            start = f'<details class="fold"{state}><summary>{title}</summary>'
            parts = [fence(start, "{=html}"), *parts, fence("</details>", "{=html}")]
    if options.get("output") is not False:
        parts += [output_markdown(page, output, options) for output in cell["outputs"]]
    return "\n\n".join(parts)


def page_markdown(page: Page) -> str:
    "The whole page as one Markdown text."
    labels = [split_options(c["source"])[0].get("label") for c in page.cells]
    labels = [label for label in labels if label and label.startswith("fig-")]
    page.meta["figures"] = {label: i + 1 for i, label in enumerate(labels)}

    def reference(match: re.Match) -> str:
        if match[1] not in page.meta["figures"]:
            raise page.fault(f"refers to @{match[1]}, but no cell has that label")
        return f"[Figure {page.meta['figures'][match[1]]}](#{match[1]})"

    nocite = page.meta.get("nocite")
    parts = [f"---\nnocite: '{nocite}'\n---"] if nocite else []
    for cell in page.cells:
        if cell["cell_type"] == "code":
            parts.append(code_markdown(page, cell))
        elif cell["cell_type"] == "markdown":
            parts.append(re.sub(r"(?<![\w`@])@(fig-[\w-]+)", reference, cell["source"]))
    return "\n\n".join(parts)


def pandoc(page: Page, markdown: str, bibliography: Path) -> BeautifulSoup:
    "Markdown to HTML; any warning is an error."
    command = [pypandoc.get_pandoc_path(), "--from=markdown-raw_tex", "--to=html5", "--mathml"]
    command += ["--columns=10000"]  # the browser finds the widths of table columns
    command += ["--citeproc", f"--bibliography={bibliography}", "-M", "link-citations=true"]
    run = subprocess.run(
        command, input=markdown, capture_output=True, encoding="utf-8", check=False
    )
    if run.returncode or run.stderr.strip():
        raise page.fault(f"pandoc says: {run.stderr.strip()}")
    return BeautifulSoup(run.stdout, "html.parser")


def dress(page: Page) -> None:
    "Give pandoc's HTML the parts that it leaves plain: callouts, figures, wide tables, anchors."
    soup = page.body
    for box in soup.select("div[class^=callout-], section[class^=callout-]"):
        kind = next(c[8:] for c in box["class"] if c.startswith("callout-"))
        title = box.find(HEADINGS, recursive=False)
        folded = box.get("collapse") or box.get("data-collapse")
        box.name, box.attrs = "details" if folded else "aside", {"class": ["callout", kind]}
        if folded == "false":
            box["open"] = ""
        head = soup.new_tag("summary" if folded else "p", attrs={"class": "callout-title"})
        head.extend(title.extract().contents[:] if title else [kind.capitalize()])
        box.insert(0, head)
    for figure in soup.select("div.figure, div.figcaption"):
        figure.name = "figure" if "figure" in figure["class"] else "figcaption"
        del figure["class"]
    for node in soup.select("table, math[display=block]"):
        attrs = {"class": "scroll"} | ({"tabindex": "0"} if node.name == "table" else {})
        node.wrap(soup.new_tag("div" if node.name == "table" else "span", attrs=attrs))
    references = soup.find(id="refs")
    if references:
        title = soup.new_tag("h2", id="references", string="References")
        references.insert_before(title)
    for heading in soup.find_all(HEADINGS):
        if heading.name == "h1":
            raise page.fault(f"has a second '# ' heading: {heading.get_text()!r}")
        if heading.get("id"):
            link = soup.new_tag("a", href=f"#{heading['id']}", string="#")
            link.attrs |= {"class": "anchor", "aria-label": "Link to this section"}
            heading.append(link)

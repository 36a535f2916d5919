"""The preview's renderer turns cells into the right HTML, and stops at faults."""
import base64
from pathlib import Path

import pytest
from preview.notebook import Page, SiteError, dress, fence, page_markdown, pandoc, split_options
from preview_site import check_links, resolve, search_entries

ROOT = Path(__file__).resolve().parents[1]
SITE = {"site-url": "https://book.example/kgrbook"}


def markdown(source: str) -> dict:
    return {"cell_type": "markdown", "source": source}


def code(source: str, *outputs: dict) -> dict:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def shown(**data: str) -> dict:
    kinds = {"html": "text/html", "png": "image/png", "plain": "text/plain", "md": "text/markdown"}
    data = {kinds[kind]: value for kind, value in data.items()}
    return {"output_type": "display_data", "data": data}


def page(*cells: dict, source: str = "kg/01_store.ipynb", **meta: str) -> Page:
    made = Page(source, "Graphs", {"title": "A page", "output-file": "store.html"} | meta, cells)
    made.body = pandoc(made, page_markdown(made), ROOT / "nbs" / "references.bib")
    dress(made)
    return made


def html(*cells: dict, **meta: str) -> str:
    return str(page(*cells, **meta).body)


PNG = base64.b64encode(b"picture").decode()
FIGURE = """#| label: fig-a
#| fig-cap: "Three *facts*."
#| fig-alt: "Ann has two children."
draw()"""


def test_options_and_code():
    options, source = split_options('#| echo: false\n#| fig-cap: "a: b"\n\nx = 1\n#| no: option')
    assert options == {"echo": False, "fig-cap": "a: b"}
    assert source == "x = 1\n#| no: option"


def test_fence_is_longer_than_any_in_the_text():
    assert fence("```python\nx\n```", "").startswith("`````\n")


def test_code_and_output_are_shown():
    text = html(code("1 + 1", shown(plain="2")))
    assert "sourceCode" in text and "<pre" in text and ">2<" in text


def test_echo_include_output():
    assert "sourceCode" not in html(code("#| echo: false\nx = 41", shown(plain="41")))
    assert html(code("#| include: false\nx = 41", shown(plain="41"))).strip() == ""
    assert "41" not in html(code("#| output: false\nx = y", shown(plain="41")))


def test_colours_of_a_terminal_are_dropped():
    stream = {"output_type": "stream", "name": "stdout", "text": ["\x1b[31mred\x1b[0m\n"]}
    assert ">red<" in html(code("print()", stream))


def test_formulas_become_mathml():
    text = html(markdown("So $a_i$ and\n\n$$\\sum_i a_i = 1$$\n\nat \\$5, \\(b\\)."))
    assert text.count("<math") == 2 and "$5, (b)." in text
    assert '<span class="scroll"><math display="block"' in text


def test_callouts():
    text = html(markdown("::: {.callout-tip}\n## Do this\nNow.\n:::"))
    assert '<aside class="callout tip"><p class="callout-title">Do this</p>' in text
    assert '<p class="callout-title">Note</p>' in html(markdown("::: {.callout-note}\nHm.\n:::"))
    folded = html(markdown('::: {.callout-note collapse="true"}\n## More\nText.\n:::'))
    assert '<details class="callout note"><summary class="callout-title">More</summary>' in folded


def test_figures_are_numbered_captioned_and_written():
    made = page(code(FIGURE, shown(png=PNG)), markdown("See @fig-a."))
    assert made.files == {"kg/figures/store-1.png": b"picture"}
    text = str(made.body)
    assert '<img alt="Ann has two children." src="figures/store-1.png"/>' in text
    assert "Figure 1: Three <em>facts</em>." in text
    assert '<a href="#fig-a">Figure 1</a>' in text


def test_html_output_keeps_its_script_and_gets_a_caption():
    frames = '<div id="f1"><input type="range"></div><script>if (1 < 2) { go(); }</script>'
    text = html(code(FIGURE, shown(html=frames, plain="<HTML>")))
    assert '<figure id="fig-a">' in text and "<figcaption>" in text
    assert "if (1 < 2) { go(); }" in text


def test_citations_and_their_list():
    text = html(markdown("Said by @bordes2013."))
    assert "Bordes et al." in text and 'id="references"' in text


def test_tables_scroll_in_their_box():
    text = html(markdown("| a | b |\n|---|---|\n| 1 | 2 |"))
    assert '<div class="scroll" tabindex="0"><table>' in text


def test_links_between_notebooks():
    store = page(markdown("## Part\n\n[ties](../ranking/02_ranks.ipynb#ties)"))
    address = f"{SITE['site-url']}/ranking/ranks.html#ties"  # as nbdev writes it
    back = f"[part](../kg/01_store.ipynb#part) [`R`]({address}) [`R.f`]({address}.f)"
    ranks = page(
        markdown(f"## Ties\n\n{back}"),
        source="ranking/02_ranks.ipynb",
        **{"output-file": "ranks.html"},
    )
    pages = {made.source: made for made in (store, ranks)}
    for made in pages.values():
        resolve(made, pages, SITE, set())
    check_links(list(pages.values()))
    assert 'href="../ranking/ranks.html#ties"' in str(store.body)
    assert 'href="../kg/store.html#part"' in str(ranks.body)
    assert str(ranks.body).count('href="ranks.html#ties"') == 2


def test_search_entries_by_section():
    made = page(markdown("Start $x$.\n\n## Ties\n\nEqual scores."), description="What ties do")
    first, second = search_entries(made)
    assert first["text"].startswith("What ties do Start")
    assert second["url"] == "kg/store.html#ties" and second["text"] == "Equal scores."


@pytest.mark.parametrize(
    "cell, message",
    [
        (markdown("Said by @nobody1999."), "nobody1999"),
        (markdown("$\\undefinedcommand{x}$"), "undefinedcommand"),
        (markdown("# Second title"), "second '# ' heading"),
        (markdown("See @fig-none."), "fig-none"),
        (code("plot()", shown(png=PNG)), "fig-alt"),
        (code("1/0", {"output_type": "error", "ename": "Z", "evalue": ""}), "stores an error"),
    ],
)
def test_faults_while_rendering(cell, message):
    with pytest.raises(SiteError, match=message) as error:
        page(cell)
    assert "nbs/kg/01_store.ipynb" in str(error.value)


@pytest.mark.parametrize(
    "source, message",
    [
        ("[x](02_gone.ipynb)", "not in the sidebar"),
        ("![x](gone.png)", "gone.png is not a file"),
        ("![x](https://elsewhere.example/a.png)", "is not a file"),
        ("[x](#nowhere)", "dead link #nowhere"),
        ("[x](other.html)", "dead link other.html"),
        ("[]{#a} [b]{#a}", "used twice: a"),
    ],
)
def test_faults_of_links(source, message):
    made = page(markdown(source))
    with pytest.raises(SiteError, match=message):
        resolve(made, {made.source: made}, SITE, set())
        check_links([made])

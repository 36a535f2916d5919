"""Every notebook keeps the form of the book, and every public name is documented."""
import ast
import json
import re
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml
from preview.notebook import split_options
from preview_site import read_sidebar

ROOT = Path(__file__).resolve().parents[1]
NBS = ROOT / "nbs"
MAX_CELLS, MAX_BYTES, MAX_MODULE, MAX_FUNCTION = 80, 200_000, 300, 40
# What may be larger, with the reason: "nbs/x/y.ipynb", "kgrbook/x/y.py" or "kgrbook/x/y.py:name".
ALLOWED_LARGER = {}
NOTEBOOKS = sorted(
    p.relative_to(NBS).as_posix()
    for p in NBS.rglob("*.ipynb")
    if not any(part[0] in "._" for part in p.relative_to(NBS).parts)
)
MODULES = sorted(
    p.relative_to(ROOT).as_posix()
    for p in (ROOT / "kgrbook").rglob("*.py")
    if p.name not in ("_modidx.py", "__init__.py")
)
KEYS = set(re.findall(r"^@\w+\{(\S+),", (NBS / "references.bib").read_text("utf-8"), re.M))
DEVIATIONS = tomllib.loads((ROOT / "deviations.toml").read_text("utf-8"))["deviation"]
KEY = r"[a-z]+\d{4}[a-z]?"


@cache
def cells(name: str) -> list:
    "The cells of a notebook, each source one string."
    found = json.loads((NBS / name).read_text("utf-8"))["cells"]
    for cell in found:
        cell["source"] = "".join(cell["source"])
        cell["options"] = split_options(cell["source"])[0] if cell["cell_type"] == "code" else {}
    return found


def texts(name: str):
    "Every text of a notebook: (cell number, where, text), pictures left out."
    for number, cell in enumerate(cells(name)):
        yield number, "source", cell["source"]
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                yield number, output["name"], "".join(output["text"])
            for kind, data in output.get("data", {}).items():
                if not kind.startswith("image/"):
                    text = data if isinstance(data, (str, dict)) else "".join(data)
                    yield number, kind, re.sub(r"base64,[\w+/=\s]+", "base64,", str(text))


def test_sidebar_names_every_notebook_once():
    site = yaml.safe_load((ROOT / "_quarto.yml").read_text("utf-8"))["website"]
    named = [name for _, name in read_sidebar(site)]
    twice = [name for name, count in Counter(named).items() if count > 1]
    assert not twice, f"twice in the sidebar of _quarto.yml: {twice}"
    assert set(named) == set(NOTEBOOKS), (
        f"in the sidebar but not in nbs: {sorted(set(named) - set(NOTEBOOKS))}; "
        f"in nbs but not in the sidebar: {sorted(set(NOTEBOOKS) - set(named))}"
    )


def test_index_leads_to_every_page():
    text = "\n".join(cell["source"] for cell in cells("index.ipynb"))
    linked = set(re.findall(r"\]\(([\w/.-]+\.ipynb)", text))
    assert set(NOTEBOOKS) - {"index.ipynb"} <= linked, set(NOTEBOOKS) - linked


def test_quarto_reads_the_same_description():
    assert (NBS / "_quarto.yml").read_text("utf-8") == (ROOT / "_quarto.yml").read_text("utf-8")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_size(name):
    if f"nbs/{name}" not in ALLOWED_LARGER:
        assert len(cells(name)) <= MAX_CELLS, f"{len(cells(name))} cells; two ideas in one page?"
        size = (NBS / name).stat().st_size
        assert size <= MAX_BYTES, f"{size:,} bytes; smaller pictures, shorter outputs?"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_title_cell(name):
    first = [c for c in cells(name) if "default_exp" not in str(c["options"])][0]
    assert first["cell_type"] == "markdown", "the title cell comes first (after default_exp)"
    lines = [line for line in first["source"].splitlines() if line.strip()]
    form = re.compile(r"# \S.*\n> \S.*[.?](\n- \w+: .+)*")
    assert form.fullmatch("\n".join(lines)), (
        "the title cell holds '# Title', '> One sentence.' and '- key: value' lines only; "
        "nbdev drops whatever else stands in it"
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_one_top_heading(name):
    text = "\n".join(c["source"] for c in cells(name) if c["cell_type"] == "markdown")
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    assert len(re.findall(r"^# ", text, re.M)) == 1


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_imports_stand_alone(name):
    for number, cell in enumerate(cells(name)):
        if cell["cell_type"] != "code" or cell["options"].get("eval") is False:
            continue
        if cell["options"].keys() & {"export", "exports", "exporti"}:
            continue
        nodes = list(ast.walk(ast.parse(re.sub(r"^[%!].*", "", cell["source"], flags=re.M))))
        if any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes):
            other = any(isinstance(node, (ast.Expr, ast.Assign)) for node in nodes)
            assert not other, (
                f"cell {number} mixes imports with other code: "
                "making the page would run all of it; give the imports a cell of their own"
            )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_exported_code_is_shown(name):
    for number, cell in enumerate(cells(name)):
        if "export" in cell["options"]:
            names = re.findall(r"^(?:def|class) ([a-z]\w*|[A-Z]\w*)", cell["source"], re.M)
            assert not names, (
                f"cell {number}: '#| export' leaves the code of {', '.join(names)} out of the "
                "page; write '#| exports'"
            )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_are_clean(name):
    for number, cell in enumerate(cells(name)):
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error", f"cell {number} stores an error"
            assert output.get("name") != "stderr", f"cell {number} printed to stderr: {output}"
            assert not any("widget" in kind for kind in output.get("data", {})), (
                f"cell {number} stores a widget; static pages cannot show it"
            )
    for number, where, text in texts(name):
        if where != "source":
            found = re.search(r"\w*Warning:|<\S+ object at 0x|\bat 0x[0-9a-f]{6,}|\d+it/s", text)
            assert not found, f"cell {number}: {found[0]!r} in a stored output"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_machine_paths(name):
    tops = "home|root|tmp|Users|opt|mnt|srv|var|usr|private"
    pattern = rf"(?<![\w.:/<~])/(?:{tops})/\w+|\b[A-Z]:\\+\w"
    for number, where, text in texts(name):
        found = re.search(pattern, text)
        assert not found, f"cell {number}, {where}: path {found[0]!r}"
        for path in (ROOT, Path.home(), Path(sys.prefix)):
            assert str(path) not in text, f"cell {number}, {where}: path {path}"


def alts(cell: dict) -> set:
    "The alternative texts of a cell's pictures."
    found = {str(cell["options"]["fig-alt"])} if "fig-alt" in cell["options"] else set()
    for output in cell.get("outputs", []):
        page = "".join(output.get("data", {}).get("text/html", ""))
        found |= set(re.findall(r'<img[^>]*\balt="([^"]*)"', page))
    return found


def has_picture(cell: dict) -> bool:
    "Does a cell store a picture of its own?"
    kinds = [kind for o in cell.get("outputs", []) for kind in o.get("data", {})]
    return any(kind.startswith("image/") for kind in kinds)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_pictures_have_words(name):
    for number, cell in enumerate(cells(name)):
        if has_picture(cell):
            for key in ("fig-cap", "fig-alt", "label"):
                assert cell["options"].get(key), f"cell {number}: a picture without '#| {key}:'"
            assert str(cell["options"]["label"]).startswith("fig-"), f"cell {number}: label fig-…"
        for alt in alts(cell):
            assert len(alt.split()) >= 5, f"cell {number}: what does one see? alt text {alt!r}"


def test_alternative_texts_are_unique():
    places = {}
    for name in NOTEBOOKS:
        for number, cell in enumerate(cells(name)):
            for alt in alts(cell):
                places.setdefault(alt, []).append(f"{name} cell {number}")
    assert not {alt: where for alt, where in places.items() if len(where) > 1}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_citations_in_text(name):
    for number, cell in enumerate(cells(name)):
        if cell["cell_type"] == "markdown":
            found = re.search(rf"\[{KEY}[\],;]", cell["source"])
            assert not found, f"cell {number}: cite in text as [@key, sec. 3], not {found[0]!r}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_deviations_cited_exist(name):
    ids = {entry["id"] for entry in DEVIATIONS}
    for number, _, text in texts(name):
        cited = set(re.findall(r"deviations? `([^`]+)`", text))
        assert cited <= ids, f"cell {number}: not in deviations.toml: {sorted(cited - ids)}"


def test_deviations_are_complete():
    fields = {"id", "about", "paper_says", "code_does", "we_do", "effect"}
    for entry in DEVIATIONS:
        assert set(entry) == fields and all(entry.values()), entry.get("id")
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry["id"]), entry["id"]
    assert len({entry["id"] for entry in DEVIATIONS}) == len(DEVIATIONS)


# Modules


@cache
def tree(name: str) -> ast.Module:
    "The syntax tree of a module."
    return ast.parse((ROOT / name).read_text("utf-8"))


def definitions(name: str):
    "Functions, classes and methods of a module, as (dotted name, node)."
    for node in tree(name).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node
            for part in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(part, ast.FunctionDef):
                    yield f"{node.name}.{part.name}", part


def is_public(name: str) -> bool:
    "No part of a dotted name starts with an underscore."
    return not any(part.startswith("_") for part in name.split("."))


@pytest.mark.parametrize("name", MODULES)
def test_module_size(name):
    lines = len((ROOT / name).read_text("utf-8").splitlines())
    assert lines <= MAX_MODULE or name in ALLOWED_LARGER, f"{lines} lines; two ideas in one module?"


@pytest.mark.parametrize("name", MODULES)
def test_function_size(name):
    for what, node in definitions(name):
        lines = node.end_lineno - node.lineno + 1
        if isinstance(node, ast.FunctionDef) and f"{name}:{what}" not in ALLOWED_LARGER:
            assert lines <= MAX_FUNCTION, f"{what} has {lines} lines"


def test_allowed_larger_is_not_stale():
    names = {entry.split(":")[0] for entry in ALLOWED_LARGER}
    assert names <= set(MODULES) | {f"nbs/{name}" for name in NOTEBOOKS}


@pytest.mark.parametrize("name", MODULES)
def test_line_width(name):
    lines = (ROOT / name).read_text("utf-8").splitlines()
    names = ("__all__", " " * 11 + "'")  # nbdev's list of names, and its further lines
    long = [i for i, x in enumerate(lines, 1) if len(x) > 100 and not x.startswith(names)]
    assert not long, f"lines over 100 characters: {long}"


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented(name):
    public = [(what, node) for what, node in definitions(name) if is_public(what)]
    bare = [what for what, node in public if not ast.get_docstring(node)]
    assert not bare, f"no docstring: {', '.join(bare)}"


@pytest.mark.parametrize("name", MODULES)
def test_parameters_are_documented(name):
    source, bare = (ROOT / name).read_text("utf-8").splitlines(), []
    for what, node in definitions(name):
        if isinstance(node, ast.FunctionDef) and is_public(what) and "." not in what:
            for argument in node.args.posonlyargs + node.args.args + node.args.kwonlyargs:
                if "#" not in source[argument.end_lineno - 1]:
                    bare.append(f"{what}({argument.arg})")
    assert not bare, f"no '# words' beside: {', '.join(bare)}"


@pytest.mark.parametrize("name", MODULES)
def test_citations_in_docstrings(name):
    place = r"\w+, (?:Eq|§|[Ss]ec|Tab|Alg|Def)"
    for what, node in definitions(name):
        for cited in re.findall(rf"\[((?:{KEY}|{place})[^\]]*)\]", ast.get_docstring(node) or ""):
            for part in cited.split(";"):
                key = part.split(",")[0].strip()
                assert key in KEYS, f"{what} cites {key!r}, which is not in nbs/references.bib"

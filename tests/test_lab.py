"""Both widgets in JupyterLab, used from the keyboard: pytest -m site tests/test_lab.py."""
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

pytestmark = pytest.mark.site
ROOT = Path(__file__).resolve().parents[1]
LOAD = 60_000  # milliseconds; a loaded machine is slow, not wrong

CELLS = [
    "from kgrbook.kg.toy import family_toy\n"
    "from kgrbook.rules.chaining import ForwardChaining\n"
    "from kgrbook.rules.mining import mine_rules\n"
    "from kgrbook.widgets.dial import ShiftDial\n"
    "from kgrbook.widgets.explorer import Explorer",
    "kg = family_toy()\n"
    "rules = mine_rules(kg, max_len=2, min_support=1)\n"
    "Explorer(ForwardChaining(rules, kg))",
    "ShiftDial()",
]
BROKEN = "raise RuntimeError('a cell that fails')"


def write_notebook(path: Path, cells: list) -> None:
    "A notebook of code cells, trusted by nobody."
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "Address of a JupyterLab of our own: its own settings, its own folder, this machine only."
    if importlib.util.find_spec("jupyterlab") is None:
        pytest.skip("no JupyterLab: pip install -e '.[dev]'")
    home = tmp_path_factory.mktemp("lab")
    (home / "work").mkdir()
    (home / "app").mkdir()
    write_notebook(home / "work" / "widgets.ipynb", CELLS)
    write_notebook(home / "work" / "broken.ipynb", [BROKEN])
    news = {"fetchNews": "false", "checkForUpdates": False}
    overrides = {"@jupyterlab/apputils-extension:notification": news}
    (home / "app" / "overrides.json").write_text(json.dumps(overrides))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += ["--ServerApp.password=", "--ServerApp.allow_root=True"]
    command += [f"--ServerApp.root_dir={home / 'work'}", "--LabApp.expose_app_in_browser=True"]
    command += [f"--LabApp.app_settings_dir={home / 'app'}"]
    places = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
    own = {name: str(home / name.lower()) for name in places}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    env = os.environ | own | {"PYTHONPATH": path}
    env.pop("PYTEST_CURRENT_TEST", None)
    with open(home / "log", "wb") as log:
        server = subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server, home / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    "Return when the server answers; fail with its log if it ends or stays silent."
    for _ in range(300):
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.2)
    pytest.fail(f"JupyterLab does not answer:\n{log.read_text()[-3000:]}")


@pytest.fixture
def tab(browser, lab):
    "A tab that notes requests to other hosts."
    page = browser.new_page(viewport={"width": 1200, "height": 1600})
    page.set_default_timeout(LOAD)
    page.away = []
    own = (lab, lab.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else page.away.append(r.url))
    yield page
    page.close()


READY = """() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status
  === 'idle'"""
ERRORS = """() => [...Array(jupyterapp.shell.currentWidget.content.widgets.length).keys()]
  .flatMap(i => jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON())
  .filter(output => output.output_type === 'error').map(output => output.evalue)"""


def run_all(tab, lab: str, name: str) -> list:
    "Open a notebook, run all cells, and return the errors of its cells."
    tab.goto(f"{lab}/lab/tree/{name}?reset")
    tab.wait_for_function(READY)
    fine = tab.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    errors = tab.evaluate(ERRORS)
    assert fine == (not errors)
    return errors


def changed(tab, image, before: str) -> str:
    "The alternative text of a picture as soon as it is another than before."
    from playwright.sync_api import expect

    expect(image).not_to_have_attribute("alt", before, timeout=LOAD)
    return image.get_attribute("alt")


def test_widgets_are_alive(tab, lab):
    assert run_all(tab, lab, "widgets.ipynb") == []
    rules, answers, dial = (tab.locator(".widget-html-content img").nth(i) for i in range(3))

    before = rules.get_attribute("alt")
    assert "brother(X,Y) <=" in before
    tab.get_by_label("relation").fill("parent")
    now = changed(tab, rules, before)
    assert "Rule 1 of 5: parent(X,Y) <=" in now
    tab.get_by_label("rule").focus()
    tab.keyboard.press("ArrowUp")
    assert "Rule 2 of 5: parent(X,Y) <=" in changed(tab, rules, now)

    before = answers.get_attribute("alt")
    tab.get_by_label("entity").focus()
    tab.keyboard.type("ca")
    now = changed(tab, answers, before)
    assert "cat parent fay:" in now
    tab.get_by_label("answer").focus()
    tab.keyboard.press("ArrowUp")
    assert "cat parent dan:" in changed(tab, answers, now)

    before, picture = dial.get_attribute("alt"), dial.get_attribute("src")
    assert "Dial at 0:" in before
    tab.get_by_role("slider").focus()
    tab.keyboard.press("ArrowRight")
    now = changed(tab, dial, before)
    assert "Dial at 0.1: training is 55% journalist" in now
    assert dial.get_attribute("src") != picture
    tab.get_by_role("button", name="density shift").focus()
    tab.keyboard.press("Enter")
    assert "Dial at 0.1: training is 55% celebrity" in changed(tab, dial, now)

    kinds = "() => jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.type)"
    assert tab.evaluate(kinds) == ["code"] * 3, "keys meant for a widget were taken for commands"
    assert not tab.away


def test_an_error_would_be_seen(tab, lab):
    assert run_all(tab, lab, "broken.ipynb") == ["a cell that fails"]

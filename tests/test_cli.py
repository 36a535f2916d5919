"""The command kgrbook as a user runs it: in a process and a folder of its own."""
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from kgrbook.cli import main, make_parser
from kgrbook.ranking.ranks import Ranks
from kgrbook.reproduce.records import plain
from kgrbook.rules.language import RuleSet

COMMAND = [sys.executable, "-c", "import sys; from kgrbook.cli import main; sys.exit(main())"]
ENV = {k: v for k, v in os.environ.items() if k not in ("KGRBOOK_DATA", "PYTHONWARNINGS")}
FAMILY = """
ann parent bob, ann parent cat, bob parent dan, bob parent eve, cat parent fay, eve parent gus,
bob brother cat, dan brother eve, bob uncle fay, ann grandparent dan
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    "A folder with a data set `families` and a cache of its own."
    home = tmp_path_factory.mktemp("home")
    files = {"train": [], "valid": [], "test": []}
    for i in range(12):
        facts = [fact.split() for fact in FAMILY.split(",")]
        files["train"] += [f"{h}{i}\t{r}\t{t}{i}" for h, r, t in facts]
        split = "train" if i < 8 else "valid" if i < 10 else "test"
        files[split].append(f"dan{i}\tuncle\tgus{i}")
    for split, lines in files.items():
        write(home / "families" / f"{split}.txt", "\n".join(lines) + "\n")
    return home


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def run(home: Path, *words: str, code: int = 0, **env: str) -> subprocess.CompletedProcess:
    "Run the command as a process; check its exit code, and that no traceback was shown."
    env = ENV | {"KGRBOOK_CACHE": str(home / "cache")} | env
    done = subprocess.run(
        [*COMMAND, *words], cwd=home, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def call(home, monkeypatch, capsys):
    "The same within this process, which is quicker: no start of Python, no imports."

    def call(*words: str, code: int = 0, **env: str) -> SimpleNamespace:
        monkeypatch.chdir(home)
        monkeypatch.delenv("KGRBOOK_DATA", raising=False)
        for name, value in ({"KGRBOOK_CACHE": str(home / "cache")} | env).items():
            monkeypatch.setenv(name, value)
        try:
            found = main(list(words))
        except SystemExit as stop:
            found = stop.code
        out, err = capsys.readouterr()
        assert found == code, err
        return SimpleNamespace(stdout=out, stderr=err)

    return call


def test_demo(home):
    done = run(home, "demo", "--out", "picture.png", "--json")
    record = json.loads(done.stdout)
    assert all(row["found"] for row in record["planted"])
    assert record["metrics"]["expected"]["both"]["mrr"] > 0.7
    assert record["explanation"][0]["paths"][0][-1] == record["question"][2]
    assert (home / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert record["cost"]["cpu_seconds"] < 30
    assert "4 of the 4 hidden ones" in done.stderr


def test_rank_then_answer_and_explain(home):
    done = run(home, "rank", "families", "--json")
    record = json.loads(done.stdout)
    assert record["metrics"]["expected"]["both"]["hits@1"] == 1.0
    assert record["metrics"]["optimistic"]["both"]["n"] == 4
    assert record["reasoner"]["settings_tried"] > 1
    assert len(record["data"]["sha256"]) == 64
    done = run(home, "answer", "families", "dan11", "uncle", "--json")
    assert "mining" not in done.stderr and "choosing" not in done.stderr
    assert json.loads(done.stdout)["answers"][0]["answer"] == "gus11"
    done = run(home, "explain", "families", "gus11", "uncle^-1", "dan11", "--json")
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["rules"][0]["paths"][0] == ["gus11", "eve11", "dan11"]


def test_first_question_learns_and_says_so(call):
    words = ["answer", "families", "dan11", "uncle", "--seed", "1", "--json"]
    first, second = call(*words), call(*words)
    assert "learning" in first.stderr and second.stderr == ""
    assert first.stdout == second.stdout


def test_changed_data_are_learned_anew(home, call, tmp_path):
    for split in ("train", "valid", "test"):
        write(tmp_path / f"{split}.txt", (home / "families" / f"{split}.txt").read_text())
    words = ["answer", str(tmp_path), "dan11", "uncle", "--aggregate", "max"]
    assert "learning" in call(*words).stderr
    assert call(*words).stderr == ""
    with (tmp_path / "train.txt").open("a") as file:
        file.write("dan11\tbrother\tann11\n")
    assert "learning" in call(*words).stderr


def test_mine_then_rank_with_the_file(home, call):
    done = call("mine", "families", "-o", "rules.txt", "--max-len", "2", "--json")
    found = json.loads(done.stdout)
    rules = RuleSet.read(home / "rules.txt", "anyburl")
    assert len(rules) == found["rules"] == sum(found["by_length"].values()) > 3
    done = call("rank", "families", "--rules", "rules.txt", "--top", "5", "--save", "run")
    assert "fixed, not chosen" in done.stdout and "choosing" not in done.stderr
    record = json.loads((home / "run" / "record.json").read_text())
    mrr = Ranks.load(home / "run" / "ranks.npz").summary()["mrr"]
    assert record["metrics"]["expected"]["both"]["mrr"] == mrr
    assert len(RuleSet.read(home / "run" / "rules.txt", "anyburl")) == len(rules)


def test_a_graph_without_rules(home, call):
    draw = random.Random(0).randrange
    lines = (f"e{draw(400)}\tr{draw(200)}\te{draw(400)}\n" for _ in range(300))
    write(home / "sparse.tsv", "".join(lines))
    assert json.loads(call("mine", "sparse.tsv", "--json").stdout)["rules"] == 0
    assert "no rule was found" in call("answer", "sparse.tsv", "e1", "r1").stderr
    assert call("answer", "sparse.tsv", "e1", "r1").stdout == "no rule leads to an answer\n"


def test_rnnlogic_form(call):
    call("mine", "families", "-o", "numbers.txt", "--fmt", "rnnlogic")
    done = call("rank", "families", "--rules", "numbers.txt", "--fmt", "rnnlogic")
    assert "measuring" in done.stderr and "MRR" in done.stdout


def test_a_single_file_is_divided(home, call):
    facts = (home / "families" / "train.txt").read_text()
    write(home / "all.tsv", facts)
    done = call("rank", "all.tsv", "--split", "valid")
    assert "divided at random" in done.stderr and "valid queries" in done.stdout


def test_names_that_text_forms_cannot_hold(home, call):
    there = [f"a {i}\tlives in (since, now)\tb{i}\n" for i in range(20)]
    back = "".join(f"b{i}\thosts\ta {i}\n" for i in range(20))
    parts = {"train": "".join(there[:16]) + back, "valid": there[16], "test": "".join(there[17:])}
    for split, text in parts.items():
        write(home / "brackets" / f"{split}.txt", text)
    words = ["answer", "brackets", "a 18", "lives in (since, now)"]
    first, second = call(*words), call(*words)
    assert first.stdout == second.stdout and "b18" in first.stdout and second.stderr == ""


def test_data_commands(call, tmp_path):
    listed = json.loads(call("data", "list", "--json").stdout)["datasets"]
    assert listed["umls"]["test"] == 661
    checked = call("data", "check", "umls", "--json", code=1, KGRBOOK_DATA=str(tmp_path))
    assert set(json.loads(checked.stdout)["states"]["umls"].values()) == {"missing"}
    assert "umls" in call("data", "check", KGRBOOK_DATA=str(tmp_path)).stdout
    done = call("data", "get", "umls", code=2, KGRBOOK_DATA=str(tmp_path))
    assert "is missing: add it or unset KGRBOOK_DATA" in done.stderr


WRONG = {
    "unknown data set": (["rank", "umsl"], "did you mean 'umls'"),
    "unknown entity": (["answer", "families", "dann3", "uncle"], "did you mean 'dan3'"),
    "unknown tail": (["explain", "families", "dan3", "uncle", "guss3"], "did you mean 'gus3'"),
    "unknown relation": (["answer", "families", "dan3", "unkle"], "did you mean 'uncle'"),
    "missing rules": (["rank", "families", "--rules", "no.txt"], "no.txt: No such file"),
    "no split": (["rank", "half"], "lacks valid, test"),
    "ragged line": (["rank", "ragged"], "train.txt, line 2"),
    "empty file": (["rank", "empty.tsv"], "has no facts"),
    "too few facts": (["rank", "few.tsv"], "takes 10 or more"),
    "not a rule": (["rank", "families", "--rules", "bad.txt"], "bad.txt:1"),
    "foreign relation": (["rank", "families", "--rules", "foreign.txt"], "no relation"),
    "data folder missing": (["data", "get", "umls"], "KGRBOOK_DATA"),
    "place to write": (["mine", "families", "-o", "families/train.txt/x"], "families/train.txt"),
    "incomplete": (["rank", "yago3-10"], "lacks"),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_are_one_line(home, call, what):
    facts = (home / "families" / "train.txt").read_text()
    write(home / "half" / "train.txt", facts)
    for split in ("train", "valid", "test"):
        write(home / "ragged" / f"{split}.txt", "a\tr\tb\na\tr\n")
    write(home / "empty.tsv", "\n")
    write(home / "few.tsv", "a\tr\tb\n")
    write(home / "bad.txt", "uncle of\n")
    write(home / "foreign.txt", "aunt(X,Y) <= sister(X,A), parent(A,Y)\n")
    words, message = WRONG[what]
    env = {"KGRBOOK_DATA": str(home / "nowhere")} if what == "data folder missing" else {}
    done = call(*words, code=2, **env)
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("kgrbook: ")]
    assert len(errors) == 1 and message in errors[0], done.stderr
    assert done.stderr.splitlines()[-1] == errors[0]


@pytest.mark.parametrize(
    "words",
    [[], ["rank"], ["rank", "umls", "--top", "0"], ["mine", "umls", "--fmt", "expressgnn"]],
)
def test_wrong_words(call, words):
    assert "usage: kgrbook" in call(*words, code=2).stderr


def test_interrupt(home):
    draw = random.Random(0).randrange
    lines = (f"e{draw(300)}\tr{draw(50)}\te{draw(300)}\n" for _ in range(20_000))
    write(home / "busy.tsv", "".join(lines))
    words = [*COMMAND, "mine", "busy.tsv", "--max-len", "4", "--samples", "1000000"]
    env = ENV | {"KGRBOOK_CACHE": str(home / "cache")}
    busy = subprocess.Popen(
        words, cwd=home, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        # background jobs ignore the signal
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "mining" not in busy.stderr.readline():
        assert busy.poll() is None
    time.sleep(1)
    busy.send_signal(signal.SIGINT)
    out, err = busy.communicate(timeout=60)
    assert busy.returncode == 130 and out == ""
    assert err.splitlines()[-1] == "kgrbook: stopped" and "Traceback" not in err


def test_reader_that_stops(home):
    line = f"{sys.executable} -c 'from kgrbook.cli import main; exit(main())' data list | head -n 1"
    done = subprocess.run(line, shell=True, env=ENV, capture_output=True, text=True, cwd=home)
    assert "Error" not in done.stderr and "entities" in done.stdout


def test_output_that_cannot_show_a_name(home):
    there, back = [f"α{i}\tβ\tγ{i}\n" for i in range(20)], "γ3\tβ\tα3\n"
    parts = {"train": "".join(there) + back, "valid": "α1\tβ\tγ2\n", "test": back}
    for split, text in parts.items():
        write(home / "greek" / f"{split}.txt", text)
    words = ["answer", "greek", "α3", "β"]
    assert "γ3" in run(home, *words, PYTHONIOENCODING="utf-8").stdout
    run(home, *words, PYTHONIOENCODING="ascii")
    done = run(home, *words, "--json", PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["answers"][0]["answer"] == "γ3"


def test_an_error_ends_a_process(home):
    done = run(home, "rank", "umsl", code=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_every_command_has_help_and_json():
    top = next(a for a in make_parser()._actions if a.choices and "rank" in a.choices)
    data = next(a for a in top.choices["data"]._actions if a.choices)
    commands = {k: p for k, p in top.choices.items() if k != "data"} | dict(data.choices)
    assert set(commands) >= {"demo", "mine", "rank", "answer", "explain", "list", "get", "check"}
    for name, parser in commands.items():
        assert parser.description, name
        assert "--json" in parser.format_help(), name
        assert all(a.help for a in parser._actions if a.dest != "split"), name


def test_plain_leaves_nothing_that_json_lacks():
    assert plain({"a": float("inf"), 2: (1, None)}) == {"a": None, "2": [1, None]}

"""Settings of the seven scorers, searched on valid with one budget for all.

Each scorer has four settings, each of which trains for the same CPU seconds of one core; how many
steps that makes is measured first. Looks at valid are not counted. The best look decides.
python tools/search_embeddings.py run results/search [GRAPH ...]     resumes; a file a graph
python tools/search_embeddings.py write results/search               into the settings of baselines

Kinship and UMLS are searched on one division, and the choice serves the other two.
"""
import json
import sys
import time
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import torch

from kgrbook.core.paths import atomic_write
from kgrbook.embeddings.training import Embedding, EmbeddingConfig
from kgrbook.kg.datasets import load_dataset
from kgrbook.reproduce.methods import CONFIGS

SECONDS = {"umls": 20.0, "kinship": 20.0, "family": 40.0}
SERVES = {
    "family": ["family"],
    "kinship": ["kinship", "kinship-neurallp", "kinship-conve"],
    "umls": ["umls", "umls-neurallp", "umls-conve"],
}
LOOKS = 4
SAMPLED = {"batch": 256, "negatives": 64, "late": 0.1, "margin": 6.0, "dim": 100, "lr": 0.01}
ALL = {"inverses": "own", "batch": 128, "dim": 100, "lr": 0.01}
ONE, EACH = ALL | {"loss": "one-vs-all"}, ALL | {"loss": "k-vs-all", "smoothing": 0.1}
DISTANCES = [
    SAMPLED,
    SAMPLED | {"margin": 12.0},
    SAMPLED | {"dim": 200, "lr": 0.003},
    ONE,
]
PRODUCTS = [
    ONE | {"penalty": 0.01},
    ONE | {"penalty": 0.1, "lr": 0.03},
    SAMPLED | {"inverses": "own", "margin": 0.0},
    EACH,
]
TUCKER, CONVE, GCN = ({"dim": 50, "relation_dim": 50}, {"dim": 64, "channels": 16}, {"dim": 100})
MORE_DROPPED = {"dropout": [0.3, 0.4, 0.5]}
TRIALS = {
    "TransE": DISTANCES,
    "RotatE": DISTANCES,
    "DistMult": PRODUCTS,
    "ComplEx": PRODUCTS,
    "TuckER": [EACH | TUCKER, EACH | TUCKER | {"dim": 100, "lr": 0.003},
               EACH | TUCKER | MORE_DROPPED, ONE | TUCKER],
    "ConvE": [EACH | CONVE, EACH | {"dim": 200, "channels": 32, "lr": 0.003},
              EACH | CONVE | MORE_DROPPED, ONE | CONVE],
    "CompGCN": [EACH | GCN, EACH | {"dim": 200, "lr": 0.003}, EACH | GCN | {"layers": 2},
                ONE | GCN],
}


def count_steps(config, ds, seconds):
    "Steps of so many CPU seconds, two digits of them, a multiple of the looks."
    learner = Embedding(replace(config, steps=100, check=0))
    learner.start(ds)
    for _ in range(3):
        learner.step()
    began = time.process_time()
    for _ in range(10):
        learner.step()
    steps = 10 * seconds / (time.process_time() - began)
    unit = 10 ** max(len(str(int(steps))) - 2, 0)
    return max(int(steps / unit) * unit // LOOKS, 1) * LOOKS


def trial(model, settings, ds, seconds):
    config = EmbeddingConfig(model=model, **settings)
    steps = count_steps(config, ds, seconds)
    config = replace(config, steps=steps, check=steps // LOOKS)
    began = time.process_time()
    learner = Embedding(config).fit(ds)
    spent = time.process_time() - began
    known = {field: value for field, value in asdict(config).items() if field in settings}
    return {"settings": known | {"steps": steps, "check": config.check},
            "valid mrr": [round(float(mrr), 4) for mrr in learner.looks[:, 1]],
            "CPU s with looks": round(spent, 1)}


def run(folder, graphs):
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for graph in graphs or SECONDS:
        path, ds = folder / f"{graph}.json", load_dataset(graph)
        start = {"graph": graph, "CPU seconds of a trial": SECONDS[graph], "data": ds.sha256}
        found = json.loads(path.read_text("utf-8")) if path.exists() else start | {"trials": {}}
        if {k: found[k] for k in start} != start:
            raise SystemExit(f"{path} was made with another budget or other data: delete it")
        for model, all_settings in TRIALS.items():
            done = found["trials"].setdefault(model, [])
            for settings in all_settings[len(done):]:
                done.append(trial(model, settings, ds, SECONDS[graph]))
                with atomic_write(path) as file:
                    file.write((json.dumps(found, indent=1) + "\n").encode())
                print(graph, model, len(done), max(done[-1]["valid mrr"]), flush=True)


def best_trial(trials):
    return max(trials, key=lambda one: max(one["valid mrr"]))


MARK = "# From here on written by tools/search_embeddings.py\n"


def section(dataset, graph, settings):
    says = "book embeddings/09_search"
    says += f", on valid of {graph}" if graph != dataset else ""
    rows = [f'{name} = {{ value = {json.dumps(value)}, source = "{says}" }}'
            for name, value in settings.items()]
    return "\n".join([f"[datasets.{dataset}]", *rows, ""])


def differing(model, chosen, text):
    "What a section must say so that a run of the method has the settings of the trial."
    general = {name: one["value"] for name, one in tomllib.loads(text)["settings"].items()}
    general = asdict(EmbeddingConfig(**general))
    return {name: value for name, value in asdict(EmbeddingConfig(model, **chosen)).items()
            if json.dumps(value) != json.dumps(general[name])}


def write(folder):
    found = {p.stem: json.loads(p.read_text("utf-8"))["trials"] for p in folder.glob("*.json")}
    for model in TRIALS:
        path, parts = CONFIGS / "baselines" / f"{model.lower()}.toml", []
        before = path.read_text("utf-8").partition(MARK)[0]
        for graph in sorted(SERVES):
            trials = found.get(graph, {}).get(model, [])
            if len(trials) == len(TRIALS[model]):
                settings = differing(model, best_trial(trials)["settings"], before)
                parts += [section(name, graph, settings) for name in SERVES[graph]]
        path.write_text(before.rstrip() + "\n\n" + MARK + "\n" + "\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(Path(sys.argv[2]), sys.argv[3:])
    else:
        write(Path(sys.argv[2]))

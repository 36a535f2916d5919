"""Training RotatE and ranking with it: python benchmarks/embeddings.py [--write]

WN18RR, 200 complex coordinates, batches of 512 facts with 256 wrong tails each, single precision:
drawing, loss, gradients and a step of Adam over all vectors. Then scores of all entities and
filtered ranks of test queries, with untrained vectors. The compiled loops of the package beside
the same formulas in array operations of torch, which is what other devices use.
"""

from dataclasses import replace

import numpy as np
import torch
from bench import Timer, main, report

from kgrbook.embeddings.distances import _formula
from kgrbook.embeddings.scorers import Frozen
from kgrbook.embeddings.training import Embedding, EmbeddingConfig
from kgrbook.kg.datasets import load_dataset
from kgrbook.ranking.ranks import rank_queries

WARM = 2


def plain(q, table, tails=None):
    "RotatE's scores in array operations, for training whole, for ranking 16 queries at a time."
    if tails is not None:
        return -_formula(q[:, None], table[tails])
    return torch.cat([-_formula(part[:, None], table[None]) for part in q.split(16)])


def learner(form):
    "An untrained learner on WN18RR."
    torch.set_num_threads(1)
    made = Embedding(EmbeddingConfig(steps=100, check=0))
    made.start(load_dataset("wn18rr"))
    if form == "plain":
        made.scorer.compare = plain
    return made


def train(form, steps):
    made, seconds = learner(form), []
    for _ in range(WARM + steps):
        with Timer() as timer:
            made.step()
        seconds.append((timer.cpu, timer.wall))
    timer.cpu, timer.wall = np.median(seconds[WARM:], axis=0)
    last = made.losses[made.done - 1]
    report(timer, PyKEEN="3.16", **{"last loss": f"{last:.4f}"})


def rank(form, facts):
    made = learner(form)
    model = Frozen(made.scorer)
    model.score([0], [0])  # compiles
    few = replace(made.dataset, test=made.dataset.test[:facts])
    rank_queries(model, replace(few, test=few.test[:1]))
    with Timer() as timer:
        ranks = rank_queries(model, few)
    each = timer.cpu / len(ranks)
    report(timer, queries=len(ranks), **{"CPU s a query": f"{each:.5f}", "PyKEEN": "0.215"})


if __name__ == "__main__":
    jobs = {
        "step, compiled": lambda: train("compiled", 8),
        "step, array operations": lambda: train("plain", 3),
        "rank, compiled": lambda: rank("compiled", 250),
        "rank, array operations": lambda: rank("plain", 8),
    }
    main(__file__, jobs)

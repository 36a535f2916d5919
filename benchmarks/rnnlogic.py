"""Training RNNLogic+ on WN18RR: python benchmarks/rnnlogic.py [--write]

The public rules of RNNLogic, a number for each entity, batches of 32 facts, one thread.
A batch is everything between two steps of the optimisers. Finding the cells of all training
facts is done once. The same batches with array operations of torch in place of the compiled
loops, which is what other devices use.
"""

import numpy as np
import torch
from bench import Timer, main, report

import kgrbook.rnnlogic.predictor as predictor
from kgrbook.kg.datasets import load_dataset
from kgrbook.rnnlogic.cells import _formula
from kgrbook.rnnlogic.training import RNNLogicPlusConfig, RNNLogicPlus

WARM = 3


def start():
    "A learner before its first step, and what finding rules and cells cost."
    torch.set_num_threads(1)
    ds = load_dataset("wn18rr")
    RNNLogicPlus(RNNLogicPlusConfig(base="none", steps=("rw",), walks=1)).start(ds)  # compiles
    learner = RNNLogicPlus(RNNLogicPlusConfig())
    with Timer() as timer:
        learner.start(ds)
    return learner, timer


def cells():
    learner, timer = start()
    notes = learner.notes()
    report(timer, rules=notes["rules used"], cells=notes["cells"])


def batch(steps, form=None):
    learner, _ = start()
    if form:
        predictor.summarise = form
    seconds = []
    for _ in range(WARM + steps):
        with Timer() as timer:
            learner.step()
        seconds.append((timer.cpu, timer.wall))
    timer.cpu, timer.wall = np.mean(seconds[WARM:], axis=0)
    loss = np.mean(learner.losses[WARM : learner.done])
    known = {"mean loss": f"{loss:.3f}", "public code": "20.8"}
    report(timer, **{"CPU s a batch": f"{timer.cpu:.4f}"}, **known)


if __name__ == "__main__":
    jobs = {
        "rules and cells of all facts": cells,
        "batch, compiled": lambda: batch(200),
        "batch, array operations": lambda: batch(20, _formula),
    }
    main(__file__, jobs, rounds=1)

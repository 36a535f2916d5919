"""Encoding rule bodies: python benchmarks/encoder.py [--write]

A training iteration on Family's 24 directed relations, batch 500, width 512: forward,
cross-entropy, backward, step of Adam. Shared work beside the same formulas for every sample, with
keys of their own. Then the probabilities of all heads for all bodies of length 3, and the rules.
NCRL's numbers were measured on a machine of the same kind, 200 iterations each.
"""

import numpy as np
import torch
import torch.nn.functional as F
from bench import Timer, main, report

from kgrbook.kg.datasets import load_dataset
from kgrbook.rules.frontier import as_graph
from kgrbook.rules.quality import count_walks
from kgrbook.stablerule.encoder import EncoderConfig, RuleEncoder
from kgrbook.stablerule.extraction import all_bodies, extract_rules

BATCH, WARM, STEPS = 500, 2, 10
NCRL = {2: "0.405", 3: "0.97"}


def per_sample(model, bodies):
    "Vectors and logits of all bodies, nothing shared; the first window with the best score merges."
    x, rows = model.embedding[bodies], torch.arange(len(bodies))

    def fits(z):
        keys = torch.cat([model.embedding.expand(len(z), -1, -1), z[:, None]], 1)
        return (model.key(keys) @ model.query(z)[:, :, None])[..., 0] / z.shape[1] ** 0.5

    while x.shape[1] > 2:
        pairs = [x[:, i : i + 2].transpose(0, 1) for i in range(x.shape[1] - 1)]
        windows = torch.stack([model.lstm(pair)[1][0][0] for pair in pairs], 1)
        chosen = (windows @ model.chooser).argmax(1)
        h = windows[rows, chosen]
        weight = fits(h).softmax(1)
        merged = weight[:, :-1] @ model.embedding + weight[:, -1:] * h
        place = torch.arange(x.shape[1] - 1)[None, :, None]
        at = chosen[:, None, None]
        x = torch.where(place < at, x[:, :-1], x[:, 1:])
        x = torch.where(place == at, merged[:, None], x)
    z = model.lstm(x.transpose(0, 1))[1][0][0]
    return z, fits(z)


def batches(length, how):
    "Batches of bodies: as walks of Family's graph spell them, or uniform; heads at random."
    graph, rng = load_dataset("family").fit, np.random.default_rng(0)
    n = 2 * graph.n_rel
    bodies = all_bodies(n, length)
    walks = count_walks(bodies, as_graph(graph)) if how == "walks" else np.ones(len(bodies))
    for _ in range(WARM + STEPS):
        rows = rng.choice(len(bodies), BATCH, p=walks / walks.sum())
        heads = rng.integers(n + 1, size=BATCH)
        yield torch.as_tensor(bodies[rows], dtype=torch.int64), torch.as_tensor(heads)


def train(length, form, how="walks"):
    torch.set_num_threads(1)
    model = RuleEncoder(24, EncoderConfig(512), seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    forward = model if form == "shared" else lambda bodies: per_sample(model, bodies)
    seconds, distinct, losses = [], [], []
    for bodies, heads in batches(length, how):
        with Timer() as timer:
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(bodies)[1], heads)
            loss.backward()
            optimizer.step()
        seconds.append((timer.cpu, timer.wall))
        distinct.append(len(torch.unique(bodies, dim=0)))
        losses.append(loss.item())
    timer.cpu, timer.wall = np.median(seconds[WARM:], axis=0)
    said = {"NCRL": NCRL[length], "distinct bodies": round(np.mean(distinct))}
    report(timer, **said, **{"last loss": f"{losses[-1]:.5f}"})


def score(form):
    torch.set_num_threads(1)
    model = RuleEncoder(24, EncoderConfig(512), seed=0)
    bodies = torch.as_tensor(all_bodies(24, 3), dtype=torch.int64)
    list(model.probabilities(bodies[:600]))
    with Timer() as timer, torch.no_grad():
        if form == "shared":
            parts = [p for _, p in model.probabilities(bodies)]
        else:
            parts = [per_sample(model, b)[1].softmax(1) for b in bodies.split(1000)]
    mean = torch.cat(parts)[:, -1].mean().item()
    report(timer, NCRL="11.4", bodies=len(bodies), **{"mean P(Neg)": f"{mean:.6f}"})


def extract(occurring):
    torch.set_num_threads(1)
    graph = load_dataset("family").fit
    model = RuleEncoder(24, EncoderConfig(512), seed=0)
    extract_rules(model, graph, lengths=(1,), count=False)  # compiles
    with Timer() as timer:
        bodies = None if occurring else {k: all_bodies(24, k) for k in (2, 3)}
        rules = extract_rules(model, graph, top=500, bodies=bodies, count=False)
    report(timer, NCRL="11.7", rules=len(rules))


if __name__ == "__main__":
    jobs = {
        "iteration, length 2, shared": lambda: train(2, "shared"),
        "iteration, length 2, every sample": lambda: train(2, "alone"),
        "iteration, length 3, shared": lambda: train(3, "shared"),
        "iteration, length 3, every sample": lambda: train(3, "alone"),
        "iteration, length 3, shared, uniform bodies": lambda: train(3, "shared", "uniform"),
        "score 13,824 bodies, shared": lambda: score("shared"),
        "score 13,824 bodies, every body": lambda: score("alone"),
        "rules of lengths 2 and 3, all bodies": lambda: extract(False),
        "rules of lengths 2 and 3, bodies that occur": lambda: extract(True),
    }
    main(__file__, jobs)

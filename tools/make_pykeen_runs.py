"""Test MRR of six scorers trained by PyKEEN and by us, as data for nbs/embeddings/08_pykeen.

One thread, the same data, sizes, first values, loss, optimiser and number of steps.
PyKEEN in an environment of its own (pip install pykeen==1.11.1), then the package:
python tools/make_pykeen_runs.py theirs FOLDER nbs/embeddings/pykeen_runs.json
python tools/make_pykeen_runs.py ours FOLDER nbs/embeddings/pykeen_runs.json
FOLDER holds train.txt (or .txt.gz), valid.txt and test.txt; what the file has already is kept.
"""
import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch

SEEDS = 3
EPOCHS = 20
SAMPLED = {"loss": "sampled", "inverses": "formula", "negatives": 16, "margin": 6.0}
ALL = {"loss": "k-vs-all", "inverses": "own", "lr": 0.01}
SETTINGS = {
    "TransE": SAMPLED,
    "DistMult": ALL,
    "ComplEx": ALL,
    "TuckER": ALL | {"dropout": [0.2, 0.2, 0.3]},
    "ConvE": ALL | {"dropout": [0.2, 0.2, 0.3], "channels": 16},
    "CompGCN": ALL | {"dropout": [0.0, 0.1, 0.0]},
}
SETTINGS = {k: {"model": k, "dim": 32, "batch": 128, "lr": 0.005, "check": 0} | v
            for k, v in SETTINGS.items()}


def read(folder, part):
    path = next(p for p in sorted(folder.glob(f"{part}.txt*")))
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    with opened as lines:
        return np.array([line.split() for line in lines])


def first_values(model, config):
    "Ours: see Scorer, TransE, TuckER and CompGCN of kgrbook.embeddings."
    for name, value in model.named_parameters():
        if name.endswith("_embeddings.weight") and value.dim() > 1 and value.shape[1] > 1:
            rows, width = len(value), value[0].numel()
            if config["model"] == "TransE":
                bound = (config["margin"] + 2) / config["dim"]
                torch.nn.init.uniform_(value, -bound, bound)
            else:
                torch.nn.init.normal_(value, std=math.sqrt(2 / (rows + width)))
        elif name.endswith("core_tensor"):
            torch.nn.init.uniform_(value, -1, 1)
        elif name.endswith("w_rel.weight"):
            torch.nn.init.xavier_uniform_(value)


def make_theirs(facts, config, seed):
    from pykeen import models

    dim, drop = config["dim"], config.get("dropout")
    free = {"entity_constrainer": None}
    more = {
        "TransE": free,
        "DistMult": free | {"regularizer": None},
        "ComplEx": {"regularizer": None},
        "TuckER": {"relation_dim": dim} | {f"dropout_{i}": p for i, p in enumerate(drop or ())},
        "ConvE": drop and {"embedding_height": 4, "embedding_width": dim // 4,
                           "output_channels": config.get("channels"), "input_dropout": drop[0],
                           "feature_map_dropout": drop[1], "output_dropout": drop[2]},
        "CompGCN": drop and {"encoder_kwargs": {"num_layers": 1, "layer_kwargs": {
            "composition": "multiplication", "activation": "tanh", "dropout": drop[1]}}},
    }[config["model"]]
    cls = getattr(models, config["model"])
    if config["loss"] == "sampled":
        loss = {"loss": "NSSA", "loss_kwargs": {"margin": config["margin"],
                                                "adversarial_temperature": 1.0}}
    else:
        loss = {"loss": "BCEWithLogits"}
    model = cls(triples_factory=facts, embedding_dim=dim, random_seed=seed, **loss, **more)
    reset = model.reset_parameters_

    def start():  # the loop calls this before the first step
        reset()
        first_values(model, config)
        model.post_parameter_update()  # drops what was computed from the old values

    model.reset_parameters_ = start
    return model


def run_theirs(folder, config, seed):
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop
    from pykeen.triples import TriplesFactory

    own = config["inverses"] == "own"
    train = TriplesFactory.from_labeled_triples(read(folder, "train"), create_inverse_triples=own)
    names = {"entity_to_id": train.entity_to_id, "relation_to_id": train.relation_to_id}
    valid, test = (TriplesFactory.from_labeled_triples(read(folder, part), **names).mapped_triples
                   for part in ("valid", "test"))
    torch.manual_seed(seed)
    model = make_theirs(train, config, seed)
    given = {"model": model, "triples_factory": train,
             "optimizer": torch.optim.Adam(model.parameters(), config["lr"])}
    if config["loss"] == "sampled":
        loop = SLCWATrainingLoop(**given, negative_sampler_kwargs={
            "num_negs_per_pos": config["negatives"], "filtered": True, "filterer": "python-set"})
    else:
        loop = LCWATrainingLoop(**given)
    loop.train(train, num_epochs=EPOCHS, batch_size=config["batch"], drop_last=False,
               use_tqdm=False, pin_memory=False)
    known = [train.mapped_triples, valid]
    found = RankBasedEvaluator(filtered=True).evaluate(
        model, test, batch_size=64, additional_filter_triples=known, use_tqdm=False)
    return found.get_metric("both.realistic.inverse_harmonic_mean_rank")


def run_ours(folder, config, seed):
    from kgrbook.embeddings.training import Embedding, EmbeddingConfig
    from kgrbook.kg.datasets import load_dataset
    from kgrbook.ranking.ranks import rank_queries

    class Unweighted(Embedding):
        "PyKEEN does not weigh facts."

        def _draw(self):
            batch = super()._draw()
            if batch.weight is None:
                return batch
            return batch._replace(weight=np.ones_like(batch.weight))

    ds = load_dataset(folder)
    sampled = config["loss"] == "sampled"
    h, r, t = ds.train.T
    both = np.concatenate([r * ds.n_ent + h, (r + ds.n_rel) * ds.n_ent + t])
    rows = len(ds.train) if sampled else len(np.unique(both))
    steps = EPOCHS * -(-rows // config["batch"])
    learner = Unweighted(EmbeddingConfig(**config | {"steps": steps, "seed": seed}))
    return rank_queries(learner.fit(ds), ds, "test").summary("mean")["mrr"]


def main(side, folder, path):
    torch.set_num_threads(1)
    path, folder, run = Path(path), Path(folder), {"theirs": run_theirs, "ours": run_ours}[side]
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if found.setdefault("settings", SETTINGS) != json.loads(json.dumps(SETTINGS)):
        raise SystemExit(f"{path} was made with other settings: delete it")
    found |= {"dataset": folder.name, "epochs": EPOCHS}
    if side == "theirs":
        from importlib.metadata import version

        found["version"] = version("pykeen")
    for seed in range(SEEDS):
        for name, config in SETTINGS.items():
            mine = found.setdefault(side, {}).setdefault(name, [])
            if len(mine) > seed:
                continue
            mine.append(round(run(folder, config, seed), 4))
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(side, name, seed, mine[-1], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Scores of PyKEEN on the family graph, as data for nbs/embeddings: an oracle that needs no PyKEEN.

Run in an environment of its own: pip install pykeen==1.11.1, then
python tools/make_pykeen_scores.py nbs/embeddings/pykeen_scores.npz
"""
import sys
from importlib.metadata import version

import numpy as np
import torch
from pykeen.models import CompGCN, ComplEx, ConvE, DistMult, RotatE, TransE, TuckER
from pykeen.triples import TriplesFactory

FACTS = """ann parent bob, ann parent cat, bob parent dan, bob parent eve, cat parent fay,
eve parent gus, bob brother cat, dan brother eve, bob uncle fay, ann grandparent dan"""
DIM = 6


def factory(inverses):
    rows = np.array([fact.split() for fact in FACTS.split(",")])
    return TriplesFactory.from_labeled_triples(rows, create_inverse_triples=inverses)


def perturb(model):
    "Random numbers everywhere, so that no part of a formula hides behind a 0 or a 1."
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if value.dtype == torch.float64:
            noise = torch.rand(value.shape, generator=generator, dtype=torch.float64)
            value.copy_(noise + 0.5 if "running_var" in name else noise - 0.5)
    if isinstance(model, RotatE):  # its relations are complex numbers of modulus 1
        table = model.state_dict()["relation_representations.0._embeddings.weight"]
        z = table.unflatten(1, (-1, 2))
        z /= z.norm(dim=-1, keepdim=True)
    return model.eval()


def scores(model, facts):
    "(relation, head, tail) of all forward relations."
    n_ent, n_rel = facts.num_entities, facts.real_num_relations
    r, h, t = np.meshgrid(*map(np.arange, (n_rel, n_ent, n_ent)), indexing="ij")
    batch = torch.tensor(np.stack([h.ravel(), r.ravel(), t.ravel()], 1))
    with torch.no_grad():
        return model.score_hrt(batch).numpy().reshape(n_rel, n_ent, n_ent)


def main(path):
    made = {
        "TransE": (TransE, {"embedding_dim": DIM}),
        "DistMult": (DistMult, {"embedding_dim": DIM}),
        "ComplEx": (ComplEx, {"embedding_dim": DIM}),
        "RotatE": (RotatE, {"embedding_dim": DIM}),
        "TuckER": (TuckER, {"embedding_dim": DIM, "relation_dim": DIM}),
        "ConvE": (ConvE, {"embedding_dim": DIM, "output_channels": 5}),
        "CompGCN": (CompGCN, {"embedding_dim": DIM, "encoder_kwargs": {"num_layers": 2,
                    "layer_kwargs": {"composition": "multiplication", "activation": "tanh"}}}),
    }
    arrays = {"version": np.array(version("pykeen"))}
    for name, (cls, settings) in made.items():
        facts = factory(name == "CompGCN")
        model = perturb(cls(triples_factory=facts, random_seed=0, **settings).double())
        arrays |= {f"{name}/{key}": v.numpy() for key, v in model.state_dict().items()}
        arrays[f"{name}/scores"] = scores(model, facts)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])

"""Provisional: replaced by the export of nbs/kg/01_store.ipynb."""
from functools import cached_property
import numpy as np
import scipy.sparse as sp


class KG:
    def __init__(self, triples, n_ent=None, n_rel=None, entities=None, relations=None):
        self.triples = np.unique(np.asarray(triples, np.int64).reshape(-1, 3), axis=0)
        self.n_ent = int(n_ent if n_ent is not None else len(entities))
        self.n_rel = int(n_rel if n_rel is not None else len(relations))
        self.entities = list(entities) if entities is not None else [str(i) for i in range(self.n_ent)]
        self.relations = list(relations) if relations is not None else [f"r{i}" for i in range(self.n_rel)]

    @classmethod
    def from_triples(cls, named):
        ents = sorted({x for h, _, t in named for x in (h, t)})
        rels = sorted({r for _, r, _ in named})
        e = {x: i for i, x in enumerate(ents)}
        q = {x: i for i, x in enumerate(rels)}
        return cls([(e[h], q[r], e[t]) for h, r, t in named], entities=ents, relations=rels)

    def inv(self, r):
        return (r + self.n_rel) % (2 * self.n_rel)

    def relation_name(self, r):
        return self.relations[r] if r < self.n_rel else self.relations[r - self.n_rel] + "^-1"

    def entity_id(self, name):
        return self.entities.index(name)

    def relation_id(self, name):
        return self.relations.index(name[:-3]) + self.n_rel if name.endswith("^-1") else self.relations.index(name)

    @cached_property
    def _edges(self):
        h, r, t = self.triples.T
        return np.r_[h, t], np.r_[r, r + self.n_rel], np.r_[t, h]

    @cached_property
    def by_relation(self):
        h, r, t = self._edges
        order = np.lexsort((t, h, r))
        ptr = np.zeros(2 * self.n_rel * self.n_ent + 1, np.int32)
        np.add.at(ptr, r * self.n_ent + h + 1, 1)
        return np.cumsum(ptr, dtype=np.int32), t[order].astype(np.int32)

    @cached_property
    def by_entity(self):
        h, r, t = self._edges
        order = np.lexsort((t, r, h))
        ptr = np.zeros(self.n_ent + 1, np.int32)
        np.add.at(ptr, h + 1, 1)
        return np.cumsum(ptr, dtype=np.int32), r[order].astype(np.int32), t[order].astype(np.int32)

    def tails(self, h, r):
        ptr, tails = self.by_relation
        k = r * self.n_ent + h
        return tails[ptr[k]:ptr[k + 1]]

    def matrix(self, r):
        ptr, tails = self.by_relation
        p = ptr[r * self.n_ent:(r + 1) * self.n_ent + 1]
        t = tails[p[0]:p[-1]]
        return sp.csr_array((np.ones(len(t)), t, p - p[0]), shape=(self.n_ent, self.n_ent))

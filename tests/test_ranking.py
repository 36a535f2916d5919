"""Properties of kgrbook.ranking that hold for any graph, any scores and any damage to a file."""

import math
import tracemalloc
import weakref
from collections import namedtuple
from dataclasses import fields
from fractions import Fraction
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kgrbook.core.testing import expect_error, test_near
from kgrbook.ranking.metrics import KS, POLICIES, hits, per_query, rank, reciprocal_rank
from kgrbook.ranking.ranks import SPLITS, Ranks, make_queries, rank_queries

many = settings(deadline=None, max_examples=60, derandomize=True)

Data = namedtuple("Data", [*SPLITS, "n_ent", "n_rel"])
FACTS = [name for name in Ranks.__dataclass_fields__ if name != "n_rel"]


class Table:
    "Scores by (directed relation, head), looked up."

    def __init__(self, scores, unreached=None):
        self.scores = scores
        self.unreached = unreached
        self.asked = []

    def score(self, heads, relations):
        self.asked += zip(heads.tolist(), relations.tolist(), strict=True)
        return self.scores[relations, heads]


@st.composite
def cases(draw):
    "A dataset with overlapping splits and repeated facts, and a model with many ties."
    n_ent, n_rel = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    fact = st.tuples(*(st.integers(0, size - 1) for size in (n_ent, n_rel, n_ent)))
    splits = [
        np.array(draw(st.lists(fact, max_size=size)), np.int64).reshape(-1, 3)
        for size in (3, 8, 4, 6)
    ]
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    levels = st.sampled_from([-math.inf, -1.5, 0.0, 1 / 3, 2.0, math.inf])
    scores = draw(hnp.arrays(dtype, (2 * n_rel, n_ent, n_ent), elements=levels.map(dtype)))
    return Data(*splits, n_ent, n_rel), Table(scores, draw(st.sampled_from([None, 0.0, 1 / 3])))


def brute_force(model, ds, split, filtered=True):
    "(better, tied, reached) of each query, from the definition, on Python objects."
    seen = SPLITS[: SPLITS.index(split) + 1]
    facts = {tuple(fact) for name in seen for fact in getattr(ds, name).tolist()}
    answers = {}
    for h, r, t in facts:
        answers.setdefault((h, r), set()).add(t)
        answers.setdefault((t, r + ds.n_rel), set()).add(h)
    asked = getattr(ds, split).tolist()
    rows = []
    for h, r, t in [*asked, *((t, r + ds.n_rel, h) for h, r, t in asked)]:
        scores = model.scores[r, h]
        others = set(range(ds.n_ent)) - {t} - (answers[h, r] if filtered else set())
        unreached = None if model.unreached is None else scores.dtype.type(model.unreached)
        rows.append((
            len([e for e in others if scores[e] > scores[t]]),
            len([e for e in others if scores[e] == scores[t]]),
            unreached is None or bool(scores[t] != unreached),
        ))
    return [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.array([])] * 3


def same(a, b):
    "Are two Ranks the same in every column?"
    assert a.n_rel == b.n_rel
    for name in FACTS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def some_ranks(n=5, n_rel=2, seed=0):
    rng = np.random.default_rng(seed)
    h, t = rng.integers(9, size=(2, n))
    r = rng.integers(n_rel, size=n)
    better, tied = rng.integers(20, size=(2, 2 * n))
    columns = [np.r_[h, t], np.r_[r, r + n_rel], np.r_[t, h], better, tied, better % 2 == 0]
    return Ranks(*columns, n_rel)


# metrics


@many
@given(st.integers(0, 12), st.integers(0, 5))
def test_expected_is_the_average_over_all_orders(better, tied):
    orders = list(permutations(range(tied + 1)))  # 0 is the answer
    ranks = [better + 1 + order.index(0) for order in orders]
    average = lambda values: float(sum(map(Fraction, values)) / len(orders))
    test_near(reciprocal_rank(better, tied), average(Fraction(1, place) for place in ranks))
    test_near(rank(better, tied), average(ranks))
    for k in (1, 2, *KS):
        test_near(hits(better, tied, k), average(place <= k for place in ranks))


@many
@given(st.integers(0, 200_000), st.integers(0, 2_000))
def test_harmonic_form_is_exact(better, tied):
    exact = math.fsum(1 / place for place in range(better + 1, better + tied + 2)) / (tied + 1)
    test_near(reciprocal_rank(better, tied), exact, atol=2e-15, rtol=0)


@many
@given(st.integers(0, 3_000), st.integers(0, 3_000), st.integers(1, 3_000))
def test_order_of_the_policies(better, tied, k):
    rr = {policy: float(reciprocal_rank(better, tied, policy)) for policy in POLICIES}
    slack = 2e-15
    assert rr["optimistic"] >= rr["expected"] - slack
    assert rr["expected"] >= rr["mean"] - slack
    assert rr["mean"] >= rr["pessimistic"]
    at_k = {policy: float(hits(better, tied, k, policy)) for policy in POLICIES}
    assert at_k["optimistic"] >= at_k["expected"] >= at_k["pessimistic"]
    assert at_k["optimistic"] >= at_k["mean"] >= at_k["pessimistic"]


@pytest.mark.parametrize("policy", POLICIES)
def test_metrics_keep_the_shape(policy):
    for shape in ((), (0,), (4,), (2, 3)):
        better = np.zeros(shape, np.int32)
        for column in per_query(better, better, policy).values():
            assert np.shape(column) == shape


# ranks against brute force


@many
@given(cases(), st.sampled_from(SPLITS), st.integers(1, 9))
def test_equal_to_brute_force(case, split, batch_size):
    ds, model = case
    ranks = rank_queries(model, ds, split, batch_size)
    better, tied, reached = brute_force(model, ds, split)
    np.testing.assert_array_equal(ranks.better, better)
    np.testing.assert_array_equal(ranks.tied, tied)
    np.testing.assert_array_equal(ranks.reached, reached)
    queries = np.stack([ranks.heads, ranks.relations, ranks.answers], axis=1)
    np.testing.assert_array_equal(queries, make_queries(getattr(ds, split), ds.n_rel))


@many
@given(cases())
def test_each_pair_is_scored_once_in_order(case):
    ds, model = case
    ranks = rank_queries(model, ds, batch_size=2)
    pairs = set(zip(ranks.relations.tolist(), ranks.heads.tolist(), strict=True))
    assert [(r, h) for h, r in model.asked] == sorted(pairs)


@many
@given(cases())
def test_filtered_never_ranks_below_raw(case):
    ds, model = case
    ranks = rank_queries(model, ds)
    raw_better, raw_tied, _ = brute_force(model, ds, "test", filtered=False)
    for policy in POLICIES:
        raw = rank(raw_better.astype(int), raw_tied.astype(int), policy)
        assert (rank(ranks.better, ranks.tied, policy) <= raw).all()


@many
@given(cases(), st.randoms(use_true_random=False))
def test_names_of_entities_do_not_matter(case, random):
    ds, model = case
    new = np.array(random.sample(range(ds.n_ent), ds.n_ent))
    rename = lambda facts: np.stack([new[facts[:, 0]], facts[:, 1], new[facts[:, 2]]], axis=1)
    renamed = ds._replace(**{name: rename(getattr(ds, name)) for name in SPLITS})
    scores = np.empty_like(model.scores)
    scores[:, new[:, None], new] = model.scores
    a = rank_queries(model, ds)
    b = rank_queries(Table(scores, model.unreached), renamed)
    for name in ("better", "tied", "reached", "relations"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@many
@given(cases(), st.randoms(use_true_random=False))
def test_order_of_triples_does_not_matter(case, random):
    ds, model = case
    orders = {name: random.sample(range(n), n) for name in SPLITS for n in [len(getattr(ds, name))]}
    shuffled = ds._replace(**{name: getattr(ds, name)[orders[name]] for name in SPLITS})
    a, b = rank_queries(model, ds), rank_queries(model, shuffled)
    order = np.array(orders["test"], dtype=int)
    for name in FACTS:
        column = getattr(a, name).reshape(2, -1)[:, order]
        np.testing.assert_array_equal(column.ravel(), getattr(b, name))


@many
@given(cases())
def test_repeated_facts(case):
    ds, model = case
    a = rank_queries(model, ds)
    same(a, rank_queries(model, ds._replace(train=np.tile(ds.train, (3, 1)))))
    same(a, rank_queries(model, ds._replace(train=np.r_[ds.train, ds.test])))
    twice = rank_queries(model, ds._replace(test=np.tile(ds.test, (2, 1))))
    for name in FACTS:
        column = np.tile(getattr(a, name).reshape(2, -1), (1, 2))
        np.testing.assert_array_equal(column.ravel(), getattr(twice, name))


@many
@given(cases())
def test_directions_are_parts_of_both(case):
    ds, model = case
    both = rank_queries(model, ds)
    n = len(ds.test)
    for directions, places in ((("tail",), slice(0, n)), (("head",), slice(n, 2 * n))):
        part = rank_queries(model, ds, directions=directions)
        for name in FACTS:
            np.testing.assert_array_equal(getattr(part, name), getattr(both, name)[places])


@many
@given(cases())
def test_layout_of_the_scores_does_not_matter(case):
    ds, model = case
    a = rank_queries(model, ds)
    fortran = Table(model.scores, model.unreached)
    fortran.score = lambda h, r: np.asfortranarray(model.scores[r, h])
    same(a, rank_queries(fortran, ds))
    fixed = Table(model.scores, model.unreached)

    def read_only(h, r):
        scores = model.scores[r, h]
        scores.flags.writeable = False
        return scores

    fixed.score = read_only
    same(a, rank_queries(fixed, ds))


@many
@given(cases(), st.integers(0, 10**6))
def test_nan_is_found_wherever_it_is(case, place):
    ds, model = case
    if not len(ds.test):
        return
    queries = make_queries(ds.test, ds.n_rel)
    head, relation, _ = queries[place % len(queries)].tolist()
    entity = place // 7 % ds.n_ent
    model.scores[relation, head, entity] = np.nan
    message = f"nan for entity {entity} in the query (head {head}, relation {relation})"
    with expect_error(ValueError, message):
        rank_queries(model, ds, batch_size=3)


# edges


class OneBatch:
    "Fails if scores of an earlier batch are still in memory when the next are asked for."

    def __init__(self, n_ent, batch_size):
        self.n_ent, self.batch_size, self.last = n_ent, batch_size, lambda: None

    def score(self, heads, relations):
        assert self.last() is None, "an earlier batch is still alive"
        assert len(heads) <= self.batch_size
        scores = np.zeros((len(heads), self.n_ent))
        self.last = weakref.ref(scores)
        return scores


def test_one_batch_of_scores_at_a_time():
    n_ent, batch_size = 20_000, 16
    rng = np.random.default_rng(0)
    heads, tails = rng.integers(n_ent, size=(2, 500))
    test = np.stack([heads, 0 * heads, tails], axis=1)
    ds = Data(test[:0], test[:0], test[:0], test, n_ent, 1)
    rank_queries(OneBatch(n_ent, batch_size), ds._replace(test=test[:2]))  # compiles
    tracemalloc.start()
    try:
        rank_queries(OneBatch(n_ent, batch_size), ds, batch_size=batch_size)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * batch_size * n_ent * 8


def test_no_conversion_of_scores():
    ds = Data(*[np.empty((0, 3), int)] * 3, np.array([[0, 0, 1]]), 3, 1)
    scores = np.zeros((2, 3, 3))
    scores[0, 0] = [0.0, 1.0, 1.0 + 1e-12]
    assert rank_queries(Table(scores), ds).better[0] == 1
    assert rank_queries(Table(scores.astype(np.float32)), ds).tied[0] == 1


def test_unreached_is_compared_in_the_type_of_the_scores():
    ds = Data(*[np.empty((0, 3), int)] * 3, np.array([[0, 0, 1]]), 3, 1)
    for dtype in (np.float32, np.float64):
        for unreached in (0.1, np.float64(0.1)):
            model = Table(np.full((2, 3, 3), 0.1, dtype), unreached)
            assert not rank_queries(model, ds).reached.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid": np.array([[0, 0]])}, "valid holds int64 (1, 2), not integers (n, 3)"),
        ({"valid": np.array([[0.0, 0.0, 1.0]])}, "valid holds float64 (1, 3)"),
        ({"train": np.array([[0, 0, -1]])}, "train, row 0: [0, 0, -1] has an id outside"),
        ({"test": np.array([[0, 0, 0], [0, 1, 0]])}, "test, row 1: [0, 1, 0] has an id outside"),
    ],
)
def test_bad_datasets(change, message):
    ds = Data(*[np.empty((0, 3), int)] * 4, 3, 1)._replace(**change)
    with expect_error(ValueError, message):
        rank_queries(Table(np.zeros((2, 3, 3))), ds)


def test_empty_lists_are_empty_splits():
    ds = Data([], [], [], np.array([[0, 0, 1]]), 3, 1)
    assert len(rank_queries(Table(np.zeros((2, 3, 3))), ds)) == 2
    empty = rank_queries(Table(np.zeros((2, 3, 3))), ds, "train")
    assert empty.summary()["n"] == 0 and math.isnan(empty.summary()["mrr"])
    assert len(empty.by_direction()) == len(empty.by_relation()) == 0


def test_bad_models():
    ds = Data([], [], [], np.array([[0, 0, 1]]), 3, 1)
    for scores in (np.zeros(3), np.zeros((3, 2)), np.zeros((2, 4)), None):
        model = Table(np.zeros((2, 3, 3)))
        model.score = lambda h, r, scores=scores: scores
        with expect_error(ValueError, "model.score returned shape"):
            rank_queries(model, ds)
    for dtype in (np.float16, np.int64, bool, object, ">f8"):
        with expect_error(TypeError, "it must be float32 or float64"):
            rank_queries(Table(np.zeros((2, 3, 3), dtype)), ds)


@pytest.mark.parametrize("directions", [(), ("tail", "tail"), "tail", ("both",)])
def test_bad_directions(directions):
    with expect_error(ValueError, "give 'tail', 'head' or both"):
        make_queries(np.array([[0, 0, 1]]), 1, directions)


# tables


@many
@given(st.integers(0, 12), st.integers(0, 99), st.sampled_from(list(POLICIES)))
def test_groups_average_to_the_whole(n, seed, ties):
    ranks = some_ranks(n, seed=seed)
    labels = np.random.default_rng(seed).choice(["a", "b", "c"], size=n)
    if not n:
        return
    whole = pd.Series(ranks.summary(ties))
    tables = [
        ranks.by_group(labels, ties),
        ranks.by_group(np.tile(labels, 2), ties),
        ranks.by_group({"x": labels, "y": ranks.relations}, ties),
        ranks.by_relation(["p", "q"], ties),
        ranks.by_direction(ties).drop("both"),
    ]
    for table in tables:
        assert list(table.columns) == list(whole.index)
        assert table["n"].sum() == len(ranks)
        means = table.drop(columns="n").mul(table["n"], axis=0).sum() / len(ranks)
        test_near(means, whole.drop("n"))
    pd.testing.assert_frame_equal(tables[0], tables[1])


def test_a_label_reaches_both_queries_of_its_triple():
    ranks = some_ranks(4)
    for i in range(4):
        mask = np.arange(4) == i
        pair = [i, i + 4]
        expected = per_query(ranks.better[pair], ranks.tied[pair])["mrr"].mean()
        test_near(ranks.summary(select=mask)["mrr"], expected)
        test_near(ranks.by_group(mask).loc[True, "mrr"], expected)


def test_labels_of_triples_need_both_directions():
    both = some_ranks(4)
    tails = Ranks(*(getattr(both, name)[:4] for name in FACTS), both.n_rel)
    assert tails.by_group([1, 1, 2, 2])["n"].tolist() == [2, 2]
    for labels in ([1, 1], [1] * 8, [[1, 1]], 1):
        with expect_error(ValueError, "for 4 queries"):
            tails.by_group(labels)


def test_labels_of_an_object_and_missing_labels():
    ranks = some_ranks(4)
    groups = namedtuple("Groups", "labels")(np.array([2, 0, 2, 0]))
    assert ranks.by_group(groups)["n"].to_dict() == {0: 4, 2: 4}
    assert ranks.by_group([1.0, np.nan, 1.0, 1.0])["n"].sum() == 8


def test_names_of_relations():
    ranks = some_ranks(6, n_rel=3)
    by_id, by_name = ranks.by_relation(), ranks.by_relation(["z", "y", "x"])
    assert list(by_name.index) == sorted(by_name.index)
    for i, name in enumerate("zyx"):
        if i in by_id.index:
            pd.testing.assert_series_equal(by_id.loc[i], by_name.loc[name], check_names=False)


# files


@many
@given(st.integers(0, 9), st.integers(0, 99))
def test_saved_and_loaded(tmp_path_factory, n, seed):
    ranks = some_ranks(n, seed=seed)
    path = tmp_path_factory.mktemp("ranks") / "some.thing"
    ranks.save(path)
    assert [file.name for file in path.parent.iterdir()] == ["some.thing"]
    again = Ranks.load(path)
    same(ranks, again)
    for field in fields(Ranks)[:-1]:
        assert getattr(ranks, field.name).dtype == getattr(again, field.name).dtype


def test_every_cut_is_refused_by_name(tmp_path):
    some_ranks().save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "torn").write_bytes(whole[:size])
        with expect_error(ValueError, "torn is no ranks file, or a damaged one"):
            Ranks.load(tmp_path / "torn")


def test_a_changed_byte_changes_nothing_silently(tmp_path):
    ranks = some_ranks()
    ranks.save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for place in range(0, len(whole), 3):
        (tmp_path / "changed").write_bytes(
            whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        )
        try:
            again = Ranks.load(tmp_path / "changed")
        except ValueError as err:
            assert "changed is no ranks file" in str(err)
        else:
            same(ranks, again)


def test_foreign_files_are_refused_by_name(tmp_path):
    path = tmp_path / "foreign"
    ranks = some_ranks()
    columns = {name: getattr(ranks, name) for name in FACTS} | {"n_rel": 2}
    good = {"format": "kgrbook ranks 1"} | columns
    files = {
        "other mark": good | {"format": "kgrbook ranks 2"},
        "no mark": columns,
        "missing column": {k: v for k, v in good.items() if k != "tied"},
        "missing n_rel": {k: v for k, v in good.items() if k != "n_rel"},
        "more columns": good | {"more": np.arange(3)},
        "short column": good | {"tied": np.arange(3)},
        "float column": good | {"tied": np.zeros(10)},
        "negative": good | {"better": np.full(10, -1)},
        "relation": good | {"relations": np.full(10, 4)},
        "object": good | {"tied": np.array([None] * 10)},
    }
    for arrays in files.values():
        with path.open("wb") as file:
            np.savez(file, **arrays)
        with expect_error(ValueError, "foreign is no ranks file, or a damaged one"):
            Ranks.load(path)
    for data in (b"", b"mrr 0.5\n", b"\x80\x04N."):
        path.write_bytes(data)
        with expect_error(ValueError, "foreign is no ranks file, or a damaged one"):
            Ranks.load(path)
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    with expect_error(ValueError, "foreign is no ranks file, or a damaged one"):
        Ranks.load(path)
    with expect_error(FileNotFoundError, "nowhere"):
        Ranks.load(tmp_path / "nowhere")


class Trap:
    "Makes a file when it is unpickled."

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_reading_a_file_runs_no_code(tmp_path):
    path, sprung = tmp_path / "trap", tmp_path / "sprung"
    ranks = some_ranks()
    columns = {name: getattr(ranks, name) for name in FACTS} | {"n_rel": 2}
    trap = np.empty(10, object)
    trap[:] = Trap(sprung)
    with path.open("wb") as file:
        np.savez(file, format="kgrbook ranks 1", **columns | {"tied": trap})
    with expect_error(ValueError, "trap is no ranks file, or a damaged one"):
        Ranks.load(path)
    assert not sprung.exists()


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    some_ranks().save(path)
    before = path.read_bytes()

    def fail(file, **columns):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with expect_error(OSError, "disk full"):
        some_ranks(9).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]

#!/usr/bin/env python3
"""Write kgrbook/kg/registry.json: the data sets, where their files come from, their checksums.

    python tools/make_registry.py MANIFEST.json

A file with one source is had by download and two changes: all line ends are LF, the last too.
A file with several sources was put together from them; it gets a recipe for doing the same by hand.
"""
import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "kgrbook" / "kg" / "registry.json"
OF = ("", "-conve", "-neurallp", "-rnnlogic")
RECIPES = {
    "fb15k-237-ncrl": "all facts of fb15k-237 (train, then valid, then test) that are in "
    "neither {1} nor {2}",
    "nell-995": "{0}, whose columns are head, tail, relation, with the ids replaced by the names "
    "in {1} and {2}",
}
NOTES = {
    "fb15k-237-ncrl": "re-drawn split, not comparable with fb15k-237",
    "wn18rr-ncrl": "re-drawn split, not comparable with wn18rr",
    **{f"kinship{of}": "one of four splits of the same facts" for of in OF},
    **{f"umls{of}": "one of four splits of nearly the same facts" for of in OF},
    "nell-995": "test-2818 is a part of test that several papers use",
}
LICENCES = {  # how the manifest's words begin, and the short form
    "WordNet": "WordNet 3.0",
    "Freebase": "not stated (Freebase data)",
    "not stated": "not stated",
}
INCOMPLETE = {
    "yago3-10": {
        "lacks": "train.txt (1,079,040 facts; md5 of the original file "
        "a9da8f583ec3920570eeccf07199229a)",
        "why": "no source that we know of holds the training file; valid and test, 5,000 facts "
        "each, are known",
    },
    "dblp": {
        "lacks": "train, valid and test (2,381,868 facts, 559,396 entities, 4 relations in all)",
        "why": "no source that we know of holds the graph",
    },
}


def recipe(dataset: str, sources: list[dict]) -> str:
    "How to make a file that was put together from several sources."
    paths = [f"{s['path']} of {s['repo']} at {s['commit'][:8]}" for s in sources]
    return RECIPES[dataset].format(*paths)


def split_entry(dataset: str, info: dict, path: str) -> dict:
    "What the package needs to know about one file."
    text = {"lines": info["lines"], "sha256": info["sha256_uncompressed"]}
    entry = {"file": path.removesuffix(".gz")} | text
    if len(info["source"]) > 1:
        return entry | {"recipe": recipe(dataset, info["source"])}
    return entry | info["source"][0]


def make_registry(manifest: dict) -> dict:
    "The part of the manifest that the package ships."
    datasets = {}
    for folder, info in sorted(manifest["datasets"].items()):
        name = folder.removeprefix("inductive/")
        if not info["complete"]:
            if name not in INCOMPLETE:
                raise SystemExit(f"{name} is incomplete: say in INCOMPLETE what it lacks")
            continue
        paths = info["files"].items()
        files = {split: split_entry(name, manifest["files"][path], path) for split, path in paths}
        licence = next(LICENCES[word] for word in LICENCES if info["licence"].startswith(word))
        kept = {key: info[key] for key in ("entities", "relations")} | {"licence": licence}
        datasets[name] = kept | {"note": NOTES.get(name, ""), "splits": files}
    return {"datasets": datasets, "incomplete": INCOMPLETE}


if __name__ == "__main__":
    registry = make_registry(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    text = json.dumps(registry, indent=1, ensure_ascii=False) + "\n"
    TARGET.write_text(text, encoding="utf-8", newline="\n")
    print(f"{TARGET.name}: {len(registry['datasets'])} data sets")

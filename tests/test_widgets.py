"""The widgets without a browser: which control changes which view, messages, odd names, size."""
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from kgrbook.kg.store import KG
from kgrbook.kg.toy import family_toy, planted_graph
from kgrbook.rules.chaining import ForwardChaining
from kgrbook.rules.language import RuleSet
from kgrbook.rules.mining import mine_rules
from kgrbook.widgets.dial import WORLDS, ShiftDial, position_view
from kgrbook.widgets.explorer import Explorer, answer_view, find_entities, relation_view
from kgrbook.widgets.views import quiet

ROOT = Path(__file__).resolve().parents[1]
ENOUGH = 2.0  # seconds for one change of a control


class Page(HTMLParser):
    "The start tags and the text of a piece of a page."

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def named(self, tag: str) -> list:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def family() -> ForwardChaining:
    "The family with every rule of up to two steps, weighed by confidence."
    kg = family_toy()
    rules = mine_rules(kg, max_len=2, min_support=1)
    return ForwardChaining(rules.weigh(rules.support / rules.pairs), kg, identity=True)


def counting(widget, *names):
    "Counts from now on how often views of a widget are made."
    count = dict.fromkeys(names, 0)

    def add(name):
        count[name] += 1

    for name in names:
        getattr(widget, name).observe(lambda _, name=name: add(name), "value")
    return count


# Explorer


def test_what_is_shown_first(family):
    explorer = Explorer(family)
    assert explorer.relation.options[0] == explorer.relation.value == "brother"
    assert (explorer.rule.value, explorer.rule.max) == (1, 2)
    assert (explorer.head, explorer.answer.value, explorer.answer.max) == ("bob", 1, 1)
    assert explorer.answer.disabled and not explorer.rule.disabled
    assert explorer.rules.value == quiet(relation_view, family, "brother", 0)
    assert explorer.answers.value == quiet(answer_view, family, "bob", "brother", 0)


def test_questions(family):
    explorer = Explorer(family)
    explorer.relation.value = "uncle^-1"
    assert "uncle(Y,X) <= parent(A,X), brother(Y,A)" in Page(explorer.rules.value).text
    assert (explorer.rule.max, explorer.head) == (1, "fay")
    explorer.entity.value = "us"
    assert (explorer.entity.options, explorer.head) == (("gus",), "gus")
    assert explorer.answers.value == quiet(answer_view, family, "gus", "uncle^-1")
    assert "gus uncle^-1 dan" in Page(explorer.answers.value).named("img")[0]["alt"]
    explorer.relation.value, explorer.entity.value = "parent", "cat"
    explorer.rule.value, explorer.answer.value = 5, 2
    assert explorer.rules.value == quiet(relation_view, family, "parent", 4)
    assert explorer.answers.value == quiet(answer_view, family, "cat", "parent", 1)
    assert "cat parent dan" in Page(explorer.answers.value).named("img")[0]["alt"]
    explorer.rule.value = 99  # there are five
    assert explorer.rule.value == 5


@pytest.mark.parametrize(
    "name, value, made",
    [
        ("relation", "uncle^-1", (1, 1)),
        ("relation", "brother", (0, 0)),  # as it was
        ("rule", 2, (1, 0)),
        ("entity", "dan", (0, 1)),
        ("entity", "bo", (0, 0)),  # still bob
    ],
)
def test_a_change_makes_each_view_once(family, name, value, made):
    explorer = Explorer(family)
    count = counting(explorer, "rules", "answers")
    getattr(explorer, name).value = value
    assert tuple(count.values()) == made


def test_from_many_rules_to_few(family):
    explorer = Explorer(family)
    explorer.relation.value = "parent"
    explorer.rule.value = 5
    count = counting(explorer, "rules", "answers")
    explorer.relation.value = "brother"
    assert (explorer.rule.value, explorer.rule.max) == (1, 2)
    assert tuple(count.values()) == (1, 1)


def test_messages(family):
    explorer = Explorer(family)
    explorer.entity.value = "zoe"
    assert explorer.entity.options == ()
    assert "No entity has this text in its name" in Page(explorer.answers.value).text
    explorer.entity.value = "fay"
    assert "No rule leads from fay by brother" in Page(explorer.answers.value).text
    explorer.relation.value = "brohter"
    for view in (explorer.rules, explorer.answers):
        assert "no relation is named 'brohter': did you mean 'brother'" in Page(view.value).text
    explorer.relation.value, explorer.entity.value = "brother", "dan"
    assert Page(explorer.rules.value).named("img") and Page(explorer.answers.value).named("img")
    few = Explorer(ForwardChaining(family.rules[1:2], family.kg, images=False))
    few.relation.value = "uncle"
    assert "No rule predicts uncle" in Page(few.rules.value).text
    assert "No rule leads from bob by uncle" in Page(few.answers.value).text


def test_an_error_is_a_message(family):
    explorer = Explorer(family)
    explorer.model = SimpleNamespace(kg=family.kg, rules=None, answer=None)
    explorer.relation.value = "uncle"
    for view in (explorer.rules, explorer.answers):
        page = Page(view.value)
        assert re.match(r"This cannot be shown \((Attribute|Type)Error\): ", page.text)
        assert page.named("p") == [{"role": "alert"}]


def test_no_rules_at_all():
    kg = family_toy()
    explorer = Explorer(ForwardChaining(RuleSet([], [], kg.relations), kg))
    assert "No rule predicts brother" in Page(explorer.rules.value).text
    assert "No rule leads from bob" in Page(explorer.answers.value).text


def test_wrong_argument(family):
    with pytest.raises(TypeError, match="shows a ForwardChaining, not a RuleSet"):
        Explorer(family.rules)


def test_odd_names():
    facts = [("<b>a</b>", "r&$x$", '"b"'), ('"b"', "r&$x$", "c"), ("<b>a</b>", "s<i>", "c")]
    kg = KG.from_triples(facts)
    rules = RuleSet.of([("s<i>", ("r&$x$", "r&$x$"))], kg.relations, weight=[1.0])
    explorer = Explorer(ForwardChaining(rules, kg))
    page = Page(explorer.rules.value + explorer.answers.value)
    assert not page.named("b") and not page.named("i")
    rule, why = (image["alt"] for image in page.named("img"))
    assert rule.startswith("Rule 1 of 1: s<i>(X,Y) <= r&$x$(X,A), r&$x$(A,Y)")
    assert why.startswith("<b>a</b> s<i> c: ")


def test_forty_thousand_entities():
    ds = planted_graph((1, 2, 3), n_ent=40_000, n_base=3, seed=0)
    rules = RuleSet.of(ds.rules, ds.relations, weight=ds.confidence)
    explorer, seconds = Explorer(ForwardChaining(rules, ds.fit)), []
    steps = [("relation", "head2"), ("entity", "E3999"), ("entity", "e39995"), ("entity", "zoe")]
    for name, value in steps:
        start = time.process_time()
        getattr(explorer, name).value = value
        seconds.append(time.process_time() - start)
        if value == "E3999":
            assert explorer.entity.options == tuple(f"e3999{i}" for i in range(10))
    assert max(seconds) < ENOUGH, seconds
    assert len(find_entities(ds.fit, "head0", "e")) == 20
    assert len(find_entities(ds.fit, "head0", "")) == 20


# Dial


def test_dial():
    dial = ShiftDial()
    assert [name for name, _ in dial.world.options] == list(WORLDS)
    assert "Dial at 0:" in Page(dial.view.value).named("img")[0]["alt"]
    start = time.process_time()
    dial.dial.value = 0.5
    assert time.process_time() - start < ENOUGH
    page = dial.view.value
    assert page == quiet(position_view, WORLDS["pathway shift"], 0.5)
    assert "training is 75% journalist, the test 25%" in Page(page).named("img")[0]["alt"]
    dial.world.value = WORLDS["density shift"]
    assert "celebrity" in Page(dial.view.value).text and dial.dial.value == 0.5


def test_a_position_is_made_once():
    asked = []

    def world(dial):
        asked.append(dial)
        return WORLDS["pathway shift"](dial, n_people=60)

    dial = ShiftDial({"small": world})
    for value in (0.3, 0.0, 0.3, 1.0):
        dial.dial.value = value
    assert asked == [0.0, 0.3, 1.0]


def test_a_world_that_cannot_be_made_is_a_message():
    def world(dial):
        return WORLDS["pathway shift"](dial, n_people=60 if dial < 0.5 else 7)

    dial = ShiftDial({"odd": world})
    assert Page(dial.view.value).named("img")
    dial.dial.value = 0.7
    assert "This cannot be shown (ValueError): 7 people" in Page(dial.view.value).text
    dial.dial.value = 0.2
    assert Page(dial.view.value).named("img")


# Pages


def test_notebooks_store_no_state_of_widgets():
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        metadata = json.loads(path.read_text("utf-8"))["metadata"]
        assert "widgets" not in metadata, f"{path.name}: remove metadata.widgets, make no widget"


def test_pages_fetch_nothing(family):
    for view in (Explorer(family).answers, ShiftDial().view):
        addresses = re.findall(r'(?:src|href)="([^"]{0,30})', view.value)
        assert addresses and all(x.startswith("data:image/png;base64,") for x in addresses)

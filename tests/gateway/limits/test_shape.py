"""The size of documents: measured right, whatever they are, and refused over each limit."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import FieldNode, FragmentSpreadNode, SelectionNode, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.examples import examples
from gateway.demo.world import DemoWorld
from gateway.examples import ONE_LINE, RUN
from gateway.limits.settings import LimitSettings
from gateway.limits.shape import exceeded, shape_of
from tests.gateway.sending import GRAPHQL_RESPONSE, gateway, post
from tests.support import tries

ROOT = Path(__file__).parents[3]
MANY = 10**6


def fields(count: int, template: str = "f{}: __typename") -> str:
    return " ".join(template.format(n) for n in range(count))


def nested(depth: int) -> str:
    return "{ a " * depth + "}" * depth


FRAGMENTS = 5


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document of any schema, in which no fragment leads back to itself; some may be missing."""

    def selections(level: int, after: int) -> str:
        return " ".join(selection(level, after) for _ in range(draw(st.integers(1, 4))))

    def selection(level: int, after: int) -> str:
        kind = draw(st.sampled_from(("field", "field", "field", "inline", "spread", "spread")))
        directives = " ".join(["@d"] * draw(st.sampled_from((0, 0, 0, 1, 3))))
        if kind == "spread":
            return f"...F{draw(st.integers(after, FRAGMENTS))} {directives}"
        below = f"{{ {selections(level + 1, after)} }}" if level < 4 and draw(st.booleans()) else ""
        if kind == "inline":
            return f"... {directives} {below or '{ x }'}"
        alias = draw(st.sampled_from(("", "", "k:", "l:")))
        return f"{alias} {draw(st.sampled_from('abc'))} {directives} {below}"

    parts = [f"query Q{n} {{ {selections(0, 0)} }}" for n in range(draw(st.integers(1, 2)))]
    parts += [f"fragment F{n} on T {{ {selections(0, n + 1)} }}" for n in range(FRAGMENTS)]
    return "\n".join(parts)


class Naive:
    """The same figures by writing every fragment out wherever it is spread."""

    def __init__(self, text: str) -> None:
        self.document = parse(text)
        definitions = cast("list[Any]", list(self.document.definitions))
        self.fragments: Mapping[str, Any] = {d.name.value: d for d in definitions if d.kind == "fragment_definition"}
        self.operations = [d for d in definitions if d.kind == "operation_definition"]

    def depth(self, node: Any) -> int:
        below = [self.depth(selection) for selection in self.inside(node)]
        return (node.kind == "field") + max(below, default=0)

    def aliases(self, node: Any) -> int:
        own = isinstance(node, FieldNode) and node.alias is not None
        return own + sum(self.aliases(selection) for selection in self.inside(node))

    def inside(self, node: Any) -> list[Any]:
        target = self.fragments.get(node.name.value) if isinstance(node, FragmentSpreadNode) else node
        return list(target.selection_set.selections) if target and target.selection_set else []

    def level(self, node: Any, seen: set[str]) -> Iterator[SelectionNode]:
        for selection in self.inside(node):
            yield selection
            if isinstance(selection, FragmentSpreadNode):
                if selection.name.value in seen:
                    continue
                seen.add(selection.name.value)
            if not isinstance(selection, FieldNode):
                yield from self.level(selection, seen)

    def sets(self, node: Any) -> Iterator[Any]:
        """Everything that has a selection set of its own, below a node."""
        for selection in self.inside(node):
            if isinstance(selection, FieldNode) and selection.selection_set:
                yield selection
            yield from self.sets(selection)

    def same_aliases(self, node: Any) -> int:
        aliased = [s.name.value for s in self.level(node, set()) if isinstance(s, FieldNode) and s.alias]
        return max(Counter(aliased).values(), default=0)

    def widths(self) -> tuple[int, int, int]:
        nodes = [*self.operations, *(f for o in (*self.operations, *self.fragments.values()) for f in self.sets(o))]
        return (
            max(self.same_aliases(node) for node in nodes),
            max(len(list(self.level(node, set()))) for node in nodes),
            max(sum(isinstance(s, FieldNode) for s in self.level(o, set())) for o in self.operations),
        )


@tries(40)
@given(documents())
def test_figures_are_those_of_the_document_written_out(text: str) -> None:
    naive = Naive(text)
    shape = shape_of(naive.document, MANY)

    assert shape.depth == max(map(naive.depth, naive.operations))
    assert shape.aliases == max(map(naive.aliases, naive.operations))
    assert (shape.field_aliases, shape.selections, shape.root_fields) == naive.widths()
    runs = [len(run.split()) for run in re.findall(r"@d(?: @d)*", text)]
    assert (shape.directives, shape.directives_per_location) == (sum(runs), max(runs, default=0))


@tries(30)
@given(documents(), st.integers(1, 12))
def test_selections_are_counted_up_to_the_bound(text: str, most: int) -> None:
    document = parse(text)
    assert shape_of(document, most).selections == min(shape_of(document, MANY).selections, most + 1)


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Q { ...A }",
        "{ ...A } fragment A on Q { x { ...B } } fragment B on Q { y { ...A } }",
        "fragment A on Q { ...A }",
        "{ ...Missing a { ...Missing } }",
        "{ a } { b } query A { c } query A { d } fragment F on Q { x } fragment F on Q { y { z } }",
    ],
)
def test_documents_that_are_not_valid_are_measured_too(text: str) -> None:
    assert exceeded(parse(text), LimitSettings()) == []


def test_fragments_that_double_each_other_are_counted_in_no_time() -> None:
    doubled = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(100))
    text = f"{{ ...F0 }} {doubled} fragment F100 on Query {{ a: __typename }}"

    (error,) = exceeded(parse(text), LimitSettings())
    assert error.message == "The document has more than a million aliases; the limit is 100 (limits.max_aliases)."


@pytest.mark.parametrize(
    ("limits", "passes", "refused", "message"),
    [
        ({"max_depth": 4}, nested(4), nested(5), "nests fields 5 deep; the limit is 4 (limits.max_depth)."),
        (
            {"max_aliases": 2, "max_field_aliases": 9},
            "{ a: x { b: y } }",
            "{ a: x { b: y c: z } }",
            "has 3 aliases; the limit is 2 (limits.max_aliases).",
        ),
        (
            {"max_field_aliases": 2},
            "{ a: x b: x c: y ...F } fragment F on T { z { d: x } }",
            "{ a: x b: x ...F } fragment F on T { c: x }",
            "has 3 aliases of one field; the limit is 2 (limits.max_field_aliases).",
        ),
        (
            {"max_directives": 2},
            "query @a { x @b }",
            "query ($v: Int @a) { x @b ...F } fragment F on T @c { y }",
            "has 3 directives; the limit is 2 (limits.max_directives).",
        ),
        (
            {"max_directives_per_location": 2},
            "{ x @a @b y @a @b }",
            "{ ... @a @b @c { x } }",
            "has 3 directives at one location; the limit is 2 (limits.max_directives_per_location).",
        ),
        (
            {"max_selections": 3},
            "{ a { b c d } }",
            "{ a { b c ...F } } fragment F on T { d }",
            "has more than 3 selections in one selection set; the limit is 3 (limits.max_selections).",
        ),
        (
            {"max_root_fields": 2},
            "{ a ... { b { c d e } } }",
            "{ a ...F } fragment F on T { b c }",
            "has more than 2 fields at the root; the limit is 2 (limits.max_root_fields).",
        ),
    ],
    ids=lambda value: next(iter(cast("dict[str, int]", value))) if isinstance(value, dict) else "",
)
def test_each_limit(limits: dict[str, int], passes: str, refused: str, message: str) -> None:
    settings = LimitSettings.model_validate(limits)
    assert exceeded(parse(passes), settings) == []
    assert [error.message for error in exceeded(parse(refused), settings)] == [f"The document {message}"]


def test_a_refusal_is_an_answer_of_the_endpoint() -> None:
    answer = post(gateway(limits={"max_root_fields": 1}), "{ a: __typename b: __typename }", GRAPHQL_RESPONSE)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert post(gateway(limits={"max_tokens": 4}), "{ providers { name } }").json()["errors"][0]["message"] == (
        "Syntax Error: Document contains more than 4 tokens. Parsing aborted."
    )


OVERLOADS = {
    "aliases": (f"{{ {fields(101)} }}", "limits.max_aliases"),
    "directives": (f"{{ __typename {'@aa' * 10} }}", "limits.max_directives_per_location"),
    "duplicates": (f"{{ {'__typename ' * 500} }}", "limits.max_selections"),
    "introspection": (
        "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }",
        "Maximum introspection depth exceeded",
    ),
}


@pytest.mark.parametrize("attack", OVERLOADS)
def test_what_scanners_try_is_refused_with_one_error_or_few(attack: str) -> None:
    query, reason = OVERLOADS[attack]
    answer = post(gateway(), query)
    assert "data" not in answer.json()
    assert reason in answer.text
    assert len(answer.json()["errors"]) <= 3


def documented() -> list[str]:
    """Every query of the documents, and of GraphiQL."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    blocks = [block for text in texts for block in re.findall(r"```graphql\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) > 6
    with DemoWorld() as world:
        tabs = [example.query for example in examples(world)]
    options = {"descriptions": True, "input_value_deprecation": True, "specified_by_url": True}
    introspection = [get_introspection_query(), get_introspection_query(**options)]
    return [*blocks, *tabs, *introspection, ONE_LINE, RUN]


def test_whatever_is_documented_is_far_from_the_limits() -> None:
    for text in documented():
        assert exceeded(parse(text), LimitSettings(max_aliases=10, max_root_fields=5, max_selections=60)) == [], text

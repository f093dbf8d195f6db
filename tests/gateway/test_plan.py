"""Which parts of which runs an operation needs."""

import weakref
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse, validate

from adapters.model import Part
from gateway.plan import Plan
from gateway.schema import build, run_type_names
from tests.support import no_collection

SCHEMA = build().graphql_schema
TYPES = frozenset(run_type_names().values())
ONE = "RefactorRun"
"""A type like any other, for tests in which the type does not matter."""


def plan_of(text: str, name: str | None = None) -> Plan:
    """The plan of the operation with a name, or of the only one, in a document that has to be valid."""
    document = parse(text)
    assert validate(SCHEMA, document) == []
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    (operation,) = [node for node in operations if name is None or (node.name and node.name.value == name)]
    return Plan(SCHEMA, document, operation)


def parts(text: str, key: str = "run", type_name: str = ONE, variables: Mapping[str, bool] | None = None) -> set[str]:
    """The names of the parts that a document's operation needs."""
    return {part.value for part in plan_of(text).parts(key, type_name, variables or {})}


def selecting(selection: str, fragments: str = "", variables: str = "") -> str:
    return f'query {variables} {{ run(id: "x:1") {{ {selection} }} }} {fragments}'


def of_each_type(text: str, key: str = "run") -> dict[str, set[str]]:
    """The parts by concrete type, without the types that need none."""
    return {name: found for name in sorted(TYPES) if (found := parts(text, key, name))}


class TestSelections:
    @pytest.mark.parametrize(
        ("selection", "needed"),
        [
            ("__typename", set[str]()),
            ("id status provider { name parts { part } } target { name } warnings { message }", set[str]()),
            ("input", {"INPUT"}),
            ("output", {"OUTPUT"}),
            ("outputTruncated", {"OUTPUT"}),
            ("usage { inputTokens cost { amount } }", {"USAGE"}),
            ("usage { __typename }", {"USAGE"}),
            ("steps { id error { code } }", {"STEPS"}),
            ("files { name }", {"FILES"}),
            ("raw", {"RAW"}),
            ("debug { traceId }", {"DEBUG"}),
            ("debug { fallback { used } }", {"DEBUG"}),
            ("debug { __typename }", {"DEBUG"}),
            ("debug { events { type } }", {"EVENTS"}),
            ("debug { events { __typename } }", {"EVENTS"}),
            ("debug { events { type } stdout }", {"DEBUG", "EVENTS"}),
            ("debug { events { type } __typename }", {"DEBUG", "EVENTS"}),
            ("a: usage { inputTokens } b: usage { outputTokens } c: output", {"USAGE", "OUTPUT"}),
            ("debug { events { type } } debug { traceId }", {"DEBUG", "EVENTS"}),
        ],
    )
    def test_of_all_runs(self, selection: str, needed: set[str]) -> None:
        assert of_each_type(selecting(selection)) == (dict.fromkeys(sorted(TYPES), needed) if needed else {})

    @pytest.mark.parametrize(
        ("type_name", "selection", "needed"),
        [
            ("RefactorRun", "evaluations { value }", {"EVALUATIONS"}),
            ("EigenpalRun", "execution", {"DETAILS"}),
            ("EigenpalRun", "trace", {"TRACE"}),
            ("EigenpalRun", "scores", {"EVALUATIONS"}),
            ("EigenpalRun", "usageDurationMs", {"USAGE"}),
            ("MiddeskRun", "artifacts { sources { url } }", {"OUTPUT"}),
            ("RightbrainRun", "preprocessedInputs", {"INPUT"}),
            ("BridgeTownRun", "outputs", {"OUTPUT"}),
            ("OtherRun", "steps { id }", {"STEPS"}),
        ],
    )
    def test_of_one_type_only(self, type_name: str, selection: str, needed: set[str]) -> None:
        assert of_each_type(selecting(f"id ... on {type_name} {{ {selection} }}")) == {type_name: needed}

    def test_of_types_side_by_side(self) -> None:
        text = selecting("""
            usage { inputTokens }
            ... on EigenpalRun { debug { traceId } }
            ... on MiddeskRun { steps { id } debug { events { type } } }
        """)
        needed = {name: {"USAGE"} for name in TYPES} | {
            "EigenpalRun": {"USAGE", "DEBUG"},
            "MiddeskRun": {"USAGE", "STEPS", "EVENTS"},
        }
        assert of_each_type(text) == needed

    @pytest.mark.parametrize("type_name", ["RefactorRun", "OtherRun", "Run", "Node"])
    @pytest.mark.parametrize("field", ["node", "run"])
    def test_under_any_interface(self, field: str, type_name: str) -> None:
        below = "... on Run { usage { inputTokens } }" if type_name == "Node" else "usage { inputTokens }"
        text = f'{{ {field}(id: "x:1") {{ ... on {type_name} {{ {below} }} }} }}'
        expected = TYPES if type_name in ("Run", "Node") else {type_name}
        assert of_each_type(text, field) == {name: {"USAGE"} for name in expected}

    def test_narrowing_again_and_again(self) -> None:
        text = selecting("... on Node { ... on EigenpalRun { ... on Run { ... on Node { ... on Run { output } } } } }")
        assert of_each_type(text) == {"EigenpalRun": {"OUTPUT"}}

    def test_inline_fragments_without_a_type(self) -> None:
        assert parts(selecting("... { usage { ... { inputTokens } } ... @include(if: true) { output } }")) == {
            "USAGE",
            "OUTPUT",
        }

    def test_a_part_below_which_nothing_is_selected(self) -> None:
        """The field itself still has to say whether it is null. `debug` is as much as what is asked of it."""
        assert parts(selecting("steps { id @skip(if: true) }")) == {"STEPS"}
        assert parts(selecting("debug { events { type @include(if: false) } }")) == {"EVENTS"}
        assert parts(selecting("debug { traceId @skip(if: true) }")) == set()


class TestRootFields:
    def test_each_has_its_own(self) -> None:
        text = """{
            a: run(id: "x:1") { usage { inputTokens } }
            b: run(id: "x:1") { output }
            run(id: "x:1") { id }
            nodes(ids: ["x:1"]) { ... on Run { steps { id } } }
            providers { name }
        }"""
        assert {key: parts(text, key) for key in ("a", "b", "run", "nodes", "providers", "c")} == {
            "a": {"USAGE"},
            "b": {"OUTPUT"},
            "run": set(),
            "nodes": {"STEPS"},
            "providers": set(),
            "c": set(),
        }

    def test_selections_with_one_key_are_merged(self) -> None:
        text = """query ($id: ID!) {
            run(id: $id) { usage { inputTokens } }
            ...More
            run(id: $id) { debug { traceId } }
        }
        fragment More on Query { run(id: $id) { debug { events { type } } } }"""
        assert parts(text) == {"USAGE", "DEBUG", "EVENTS"}

    def test_an_alias_that_is_another_field_s_name(self) -> None:
        text = """{
            nodes: run(id: "x:1") { output }
            run: nodes(ids: []) { ... on Run { steps { id } } }
            other: __typename
        }"""
        assert (parts(text, "nodes"), parts(text, "run")) == ({"OUTPUT"}, {"STEPS"})

    def test_operations_of_one_document(self) -> None:
        text = """
            query A($id: ID!) { run(id: $id) { ...F } }
            query B($id: ID!) { run(id: $id) { ...F usage { inputTokens } } }
            query C { __typename }
            fragment F on Run { output }
        """
        found = {name: plan_of(text, name).parts("run", ONE, {}) for name in "ABC"}
        assert found == {"A": {Part.OUTPUT}, "B": {Part.OUTPUT, Part.USAGE}, "C": set()}

    def test_introspection_needs_nothing(self) -> None:
        assert parts('{ __schema { types { name } } __type(name: "Run") { name } }', "__schema") == set()


class TestFragments:
    def test_nested(self) -> None:
        fragments = """
            fragment A on Run { ...B usage { ...U } }
            fragment B on Node { ...C }
            fragment C on MiddeskRun { steps { id } }
            fragment U on Usage { inputTokens }
        """
        needed = {name: {"USAGE"} for name in TYPES} | {"MiddeskRun": {"USAGE", "STEPS"}}
        assert of_each_type(selecting("...A", fragments)) == needed

    def test_one_fragment_in_several_places(self) -> None:
        text = """{
            a: run(id: "x:1") { ...F }
            b: nodes(ids: []) { ...F ... on EigenpalRun { ...F } }
        }
        fragment F on Run { output debug { ...D } }
        fragment D on Debug { events { type } }"""
        assert (parts(text, "a"), parts(text, "b")) == ({"OUTPUT", "EVENTS"}, {"OUTPUT", "EVENTS"})

    def test_one_fragment_for_one_type_first(self) -> None:
        text = selecting("... on EigenpalRun { ...F } ... on MiddeskRun { ...F }", "fragment F on Run { output }")
        assert of_each_type(text) == {"EigenpalRun": {"OUTPUT"}, "MiddeskRun": {"OUTPUT"}}


SWITCHES = "($a: Boolean!, $b: Boolean!)"
COMBINATIONS = [{"a": a, "b": b} for a in (False, True) for b in (False, True)]


class TestConditions:
    @pytest.mark.parametrize(
        ("directives", "selected"),
        [
            ("@include(if: true)", True),
            ("@include(if: false)", False),
            ("@skip(if: true)", False),
            ("@skip(if: false)", True),
            ("@include(if: true) @skip(if: true)", False),
            ("@skip(if: false) @include(if: true)", True),
            ("@skip(if: false) @include(if: false)", False),
        ],
    )
    @pytest.mark.parametrize(
        "place",
        ["output {}", "... {} {{ output }}", "...F {}", "... on Run {} {{ output }}", "usage {} {{ id: __typename }}"],
    )
    def test_literals(self, place: str, directives: str, selected: bool) -> None:
        fragment = "fragment F on Run { output }" if "...F" in place else ""
        needed = {"USAGE"} if "usage" in place else {"OUTPUT"}
        assert parts(selecting(place.format(directives), fragment)) == (needed if selected else set())

    @pytest.mark.parametrize(
        ("directives", "outcomes"),
        [
            ("@include(if: $a)", [False, False, True, True]),
            ("@skip(if: $a)", [True, True, False, False]),
            ("@include(if: $a) @skip(if: $b)", [False, False, True, False]),
            ("@skip(if: $b) @include(if: $a)", [False, False, True, False]),
            ("@include(if: $a) @skip(if: $a)", [False] * 4),
        ],
    )
    def test_variables(self, directives: str, outcomes: list[bool]) -> None:
        for selection in (f"output {directives}", f"... {directives} {{ output }}", f"...F {directives}"):
            fragment = "fragment F on Run { output }" if "...F" in selection else ""
            text = selecting(f"{selection} id @skip(if: $b)", fragment, SWITCHES)
            assert [bool(parts(text, variables=values)) for values in COMBINATIONS] == outcomes

    @pytest.mark.parametrize("values", COMBINATIONS)
    def test_conditions_add_up_on_the_way_down(self, values: dict[str, bool]) -> None:
        text = selecting(
            "...F @include(if: $a)",
            "fragment F on Run { usage @skip(if: $b) { ...U } } fragment U on Usage { retries }",
            SWITCHES,
        )
        assert parts(text, variables=values) == ({"USAGE"} if values["a"] and not values["b"] else set())

    @pytest.mark.parametrize("values", COMBINATIONS)
    def test_one_way_of_several_is_enough(self, values: dict[str, bool]) -> None:
        text = selecting("...F @include(if: $a) ...F @include(if: $b)", "fragment F on Run { output }", SWITCHES)
        assert parts(text, variables=values) == ({"OUTPUT"} if values["a"] or values["b"] else set())

    @pytest.mark.parametrize("values", COMBINATIONS)
    def test_on_a_root_field(self, values: dict[str, bool]) -> None:
        text = f"""query {SWITCHES} {{
            run(id: "x:1") @include(if: $a) {{ output }}
            run(id: "x:1") @skip(if: $b) {{ usage {{ retries }} }}
        }}"""
        needed = ({"OUTPUT"} if values["a"] else set[str]()) | (set[str]() if values["b"] else {"USAGE"})
        assert parts(text, variables=values) == needed

    @pytest.mark.parametrize("values", COMBINATIONS)
    def test_below_a_part(self, values: dict[str, bool]) -> None:
        text = selecting("debug { traceId @include(if: $a) events @skip(if: $b) { type } }", variables=SWITCHES)
        needed = ({"DEBUG"} if values["a"] else set[str]()) | (set[str]() if values["b"] else {"EVENTS"})
        assert parts(text, variables=values) == needed

    def test_one_plan_for_different_values(self) -> None:
        plan = plan_of(selecting("output @include(if: $a) usage @include(if: $b) { retries }", variables=SWITCHES))
        for _ in range(2):
            for values in COMBINATIONS:
                needed = {part for name, part in (("a", Part.OUTPUT), ("b", Part.USAGE)) if values[name]}
                assert plan.parts("run", ONE, values) == needed

    def test_other_variables_do_not_matter(self) -> None:
        text = """
            query A($x: Boolean!) { run(id: "x:1") { ...F @include(if: $x) } }
            query B($x: [ID!]!) { nodes(ids: $x) { ...F } }
            fragment F on Run { output }
        """
        assert plan_of(text, "A").parts("run", ONE, {"x": True, "y": [{}]}) == {Part.OUTPUT}
        assert plan_of(text, "B").parts("nodes", ONE, {"x": ["x:1"]}) == {Part.OUTPUT}


def bomb(depth: int, spreads: int, directive: str = "") -> str:
    """Fragments that spread the next one several times each, so that written out they are spreads ** depth long."""
    body = " ".join(f"...F{{next}} {directive.format(n=n)}" for n in range(spreads))
    fragments = [f"fragment F{n} on Run {{ {body.replace('{next}', str(n + 1))} }}" for n in range(depth)]
    variables = "(" + ", ".join(f"$v{n}: Boolean!" for n in range(spreads)) + ")" if directive else ""
    return selecting("...F0", "\n".join((*fragments, f"fragment F{depth} on Run {{ output }}")), variables)


class TestBombs:
    def visits(self, text: str, variables: Mapping[str, bool], monkeypatch: pytest.MonkeyPatch) -> int:
        """How many selections are looked at in order to plan."""
        import gateway.plan

        seen = 0
        real = gateway.plan._conditions  # pyright: ignore[reportPrivateUsage]

        def counting(selection: Any) -> Any:
            nonlocal seen
            seen += 1
            return real(selection)

        with monkeypatch.context() as patch:
            patch.setattr(gateway.plan, "_conditions", counting)
            assert plan_of(text).parts("run", ONE, variables) == {Part.OUTPUT}
        return seen

    @pytest.mark.parametrize("directive", ["", "@include(if: $v{n})"], ids=["plain", "conditional"])
    def test_the_work_grows_with_the_document_only(self, directive: str, monkeypatch: pytest.MonkeyPatch) -> None:
        values = {f"v{n}": True for n in range(4)}
        few, many = (self.visits(bomb(depth, 4, directive), values, monkeypatch) for depth in (10, 40))
        assert many <= 4 * few < 500

    def test_different_conditions_on_every_level(self, monkeypatch: pytest.MonkeyPatch) -> None:
        depth = 30
        variables = ", ".join(f"$a{n}: Boolean!, $b{n}: Boolean!" for n in range(depth))
        fragments = [
            f"fragment F{n} on Run {{ ...F{n + 1} @include(if: $a{n}) ...F{n + 1} @skip(if: $b{n}) }}"
            for n in range(depth)
        ]
        text = selecting("...F0", "\n".join((*fragments, f"fragment F{depth} on Run {{ output }}")), f"({variables})")
        values = {f"{letter}{n}": letter == "a" for n in range(depth) for letter in "ab"}
        assert self.visits(text, values, monkeypatch) < 6 * depth

    def test_only_so_many_combinations_are_kept(self) -> None:
        from gateway.plan import MAX_KEPT

        names = [f"v{n}" for n in range(8)]
        variables = ", ".join(f"${name}: Boolean!" for name in names)
        used = " ".join(f"{name}: id @include(if: ${name})" for name in names)
        plan = plan_of(selecting(f"output {used}", variables=f"({variables})"))
        for number in range(256):
            plan.parts("run", ONE, {name: bool(number >> bit & 1) for bit, name in enumerate(names)})
        assert len(plan._known) == MAX_KEPT  # pyright: ignore[reportPrivateUsage]

    def test_it_is_gone_with_the_last_who_has_it(self) -> None:
        """And does not wait for the garbage collection, which comes late where many documents come and go."""
        plan = plan_of(selecting("output"))
        plan.parts("run", ONE, {})
        gone = weakref.ref(plan)
        with no_collection():
            del plan
            assert gone() is None

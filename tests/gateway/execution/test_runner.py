"""The runner over the real schema: what is generated, when, and that it shares nothing between requests."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any, cast

import pytest
from graphql import GraphQLObjectType, get_named_type, is_composite_type, parse, validate
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues
from msgspec.structs import replace

from adapters.errors import Unavailable
from adapters.model import Money, Part, RunRecord, Usage
from gateway.execution import Runner, completers, lookups
from gateway.execution.compiler import Budget, Complete, PlainInfo, Scope, compile_value
from gateway.execution.completers import Completers
from gateway.execution.executor import GatewayExecutor
from gateway.schema.build import run_types
from tests.support import run

from .comparing import CORE, NAMES, SCHEMA, Picture, by_core, by_runner, context, operation_of, picture
from .records import Records

RUN_TYPES = [NAMES[record_type] for record_type in run_types()]
RECORD_TYPES = list(run_types())


def sound(seed: int, class_: type[RunRecord] = RunRecord) -> RunRecord:
    """A record without mistakes."""
    return replace(Records(Random(seed), nulls=0.2, broken=0).record(class_), native_id=f"run {seed}")


def everything(type_: Any) -> str:
    """A selection set of all fields of a type, at any depth."""
    return f"{{ __typename {' '.join(_whole(name, field.type) for name, field in type_.fields.items())} }}"


def _whole(name: str, type_: Any) -> str:
    named = cast(Any, get_named_type)(type_)
    return f"{name} {everything(named)}" if is_composite_type(named) else name


def runner_of(text: str) -> Runner:
    document = parse(text)
    assert not validate(CORE, document)
    return Runner(CORE, document, operation_of(document))


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types that functions were generated for, and after them the completions that were left to graphql-core."""
    seen: list[str] = []
    compiling, complete = completers.compile_value, GatewayExecutor._complete_plain  # pyright: ignore[reportPrivateUsage]

    def compile_noted(scope: Scope, type_: Any, details: Any) -> Any:
        seen.append(str(type_))
        return compiling(scope, type_, details)

    def complete_noted(self: Any, type_: Any, details: Any, *rest: Any) -> Any:
        result = complete(self, type_, details, *rest)
        if result is GatewayExecutor.NOT_COMPLETED:
            seen.append(f"core {type_}")
        return result

    monkeypatch.setattr(completers, "compile_value", compile_noted)
    monkeypatch.setattr(lookups, "compile_value", compile_noted)
    monkeypatch.setattr(GatewayExecutor, "_complete_plain", complete_noted)
    return seen


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completers, "WARM", 1)


async def same(text: str, variables: Mapping[str, Any], outcomes: Mapping[str, object]) -> Picture:
    """What both give, three times over."""
    runner = runner_of(text)
    expected = await by_core(parse(text), variables, outcomes)
    for _ in range(3):
        assert await by_runner(runner, variables, outcomes) == expected
    return expected


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("record_type", RECORD_TYPES, ids=lambda record_type: record_type.__name__)
def test_a_sound_run_is_completed_by_generated_code_alone(record_type: type[RunRecord], generated: list[str]) -> None:
    name = NAMES[record_type]
    type_: Any = CORE.type_map[name]
    text = f"query ($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {everything(type_)} }} }}"
    outcomes = {str(place): sound(place, record_type) for place in range(8)}
    variables = {"ids": [f"fake:{place}" for place in outcomes]}
    expected = run(by_core(parse(text), variables, outcomes))
    assert not expected.errors
    assert run(by_runner(runner_of(text), variables, outcomes)) == expected
    assert generated == ["[Node]"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, type_ in CORE.type_map.items()
        if isinstance(type_, GraphQLObjectType) and name != "Query" and not name.startswith("__")
    ],
)
def test_code_can_be_generated_for_every_type(name: str) -> None:
    type_: Any = CORE.type_map[name]
    assert plain(type_, everything(type_))


@pytest.mark.usefixtures("at_once")
def test_providers_are_completed_by_generated_code_alone(generated: list[str]) -> None:
    type_: Any = CORE.type_map["Provider"]
    run(by_runner(runner_of(f"{{ providers {everything(type_)} }}"), {}, {}))
    assert generated == ["[Provider!]"]


def test_code_is_generated_once_a_field_is_warm(generated: list[str]) -> None:
    runner = runner_of('{ run(id: "fake:1") { id status } }')
    for _ in range(completers.WARM + 2):
        run(by_runner(runner, {}, {"1": sound(1)}))
    assert generated == ["core OtherRun"] * (completers.WARM - 1) + ["Run"]


def test_code_for_a_long_list_is_generated_at_once(generated: list[str]) -> None:
    ids = ", ".join(f'"fake:{place}"' for place in range(completers.WARM))
    outcomes = {str(place): sound(place) for place in range(completers.WARM)}
    run(by_runner(runner_of(f"{{ nodes(ids: [{ids}]) {{ id }} }}"), {}, outcomes))
    assert generated == ["[Node]"]


MERGED = """
query ($a: Boolean!, $b: Boolean!) {
  one: run(id: "fake:1") { ...U usage { cost { currency } } }
  two: run(id: "fake:1") { ...U ... @include(if: $a) { usage { outputTokens cost { c: currency } } } id }
  three: node(id: "fake:1") { id @skip(if: $a) ... on Run { status id } ...U @include(if: $b) }
}
fragment U on Run { usage { inputTokens @skip(if: $b) cost { amount } models { model } } input }
"""


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("failing", [False, True], ids=["sound", "failing"])
def test_shared_fragments_merge_differently_in_each_place(failing: bool) -> None:
    # A part that failed makes graphql-core execute the run itself, so that functions are asked for below it.
    usage = Usage(input_tokens=2**60, output_tokens=2, cost=Money(Decimal(1), "EUR"))
    errors = {Part.INPUT: Unavailable(provider="fake")} if failing else {}
    outcomes = {"1": replace(sound(1), usage=usage, part_errors=errors)}

    async def every_choice() -> None:
        runner = runner_of(MERGED)
        for choice in range(8):
            variables = {"a": bool(choice & 1), "b": bool(choice & 2)}
            expected = await by_core(parse(MERGED), variables, outcomes)
            assert failing or not expected.errors
            assert await by_runner(runner, variables, outcomes) == expected

    run(every_choice())


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("failing", [False, True], ids=["sound", "failing"])
def test_aliases_of_the_same_fragment_keep_their_own_fields(failing: bool) -> None:
    errors = {Part.INPUT: Unavailable(provider="fake")} if failing else {}
    usage = Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    outcomes = {"1": replace(sound(1), usage=usage, part_errors=errors)}
    text = """
    { one: run(id: "fake:1") { input ...U } two: run(id: "fake:1") { input ...U usage { outputTokens } }
      three: run(id: "fake:1") { input usage { totalTokens } ...U } }
    fragment U on Run { usage { inputTokens } }"""
    picture = run(same(text, {}, outcomes))
    assert len(picture.errors) == 3 * failing


@pytest.mark.usefixtures("at_once")
def test_a_failed_part_is_an_error_at_its_place_and_nothing_else() -> None:
    error = Unavailable(provider="fake")
    outcomes = {str(n): replace(sound(n), part_errors={Part.STEPS: error} if n % 2 else {}) for n in range(6)}
    text = '{ nodes(ids: ["fake:0", "fake:1", "fake:2", "fake:3", "x"]) { id ... on Run { s: steps { id } tags } } }'
    picture = run(same(text, {}, outcomes))
    paths: list[Any] = [entry[1] for entry in picture.errors]  # type: ignore[index]
    assert sorted(paths) == [["nodes", 1, "s"], ["nodes", 3, "s"], ["nodes", 4]]
    originals: list[Any] = [entry[3] for entry in picture.errors]  # type: ignore[index]
    assert sum(original is error for original in originals) == 2


@pytest.mark.usefixtures("at_once")
def test_a_fragment_in_many_places_can_not_make_much_code(
    monkeypatch: pytest.MonkeyPatch, generated: list[str]
) -> None:
    monkeypatch.setattr(completers, "MAX_FIELDS", 12)
    roots = " ".join(f'r{n}: run(id: "fake:1") {{ ...F }}' for n in range(6))
    text = f"{{ {roots} }} fragment F on Run {{ id status kind tags }}"
    expected = run(by_core(parse(text), {}, {"1": sound(1)}))
    assert run(by_runner(runner_of(text), {}, {"1": sound(1)})) == expected
    # Four fields each: there is room for three of the six, and an operation is completed as a whole or not at all.
    assert generated.count("core OtherRun") == 6


@pytest.mark.usefixtures("at_once")
def test_only_so_many_variants_are_kept() -> None:
    names = [f"v{n}" for n in range(6)]
    declared = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"f{n}: id @include(if: ${name})" for n, name in enumerate(names))
    text = f'query ({declared}) {{ run(id: "fake:1") {{ __typename {fields} }} }}'
    document = parse(text)
    runner = runner_of(text)

    async def all_choices() -> None:
        for choice in range(2 ** len(names)):
            variables = {name: bool(choice >> n & 1) for n, name in enumerate(names)}
            outcomes = {"1": sound(1)}
            assert await by_runner(runner, variables, outcomes) == await by_core(document, variables, outcomes)

    run(all_choices())
    made: Completers = runner._completers  # pyright: ignore[reportPrivateUsage]
    assert len(made._variants) == completers.MAX_VARIANTS  # pyright: ignore[reportPrivateUsage]


def test_conditions_that_are_no_booleans_are_left_to_graphql_core() -> None:
    text = 'query ($a: Boolean = true) { run(id: "fake:1") { id tags @include(if: $a) } }'
    for variables in ({}, {"a": True}, {"a": False}, {"a": None}):
        run(same(text, variables, {"1": sound(1)}))


VARIABLES: list[tuple[str, Mapping[str, Any]]] = [
    ("$v: ID!", {"v": "fake:1"}),
    ("$v: ID!", {"v": 1}),
    ("$v: ID!", {"v": None}),
    ("$v: ID!", {}),
    ("$v: ID!", {"v": ["fake:1"]}),
    ("$v: ID!", {"v": 1.5}),
    ("$v: ID!", {"v": True}),
    ("$v: ID!", {"v": "fake:1", "unused": object()}),
    ('$v: ID! = "fake:1"', {}),
    ('$v: ID = "fake:1"', {"v": None}),
    ("$v: ID!, $w: Int = 5", {"v": "fake:1"}),
    ("$v: ID!, $w: Int", {"v": "fake:1", "w": 2**31}),
    ("$v: ID!, $w: Int", {"v": "fake:1", "w": True}),
    ("$v: ID!, $w: Int", {"v": "fake:1", "w": 3.0}),
    ("$v: ID!, $w: String", {"v": "fake:1", "w": None}),
    ("$v: ID!, $w: Boolean!", {"v": "fake:1", "w": 0}),
    ("$v: ID!, $w: [[Boolean!]]", {"v": "fake:1", "w": [[True], [None]]}),
    ("$v: ID!, $w: [ID!]", {"v": "fake:1", "w": "alone"}),
    ("$v: ID!, $w: [ID!]", {"v": "fake:1", "w": ("a", "b")}),
    ("$v: ID!, $w: RunStatus", {"v": "fake:1", "w": "NONSENSE"}),
    ("$v: ID!, $w: Missing", {"v": "fake:1", "w": 1}),
]


@pytest.mark.parametrize(("declared", "variables"), VARIABLES)
def test_variables_are_coerced_as_graphql_core_does(declared: str, variables: Mapping[str, Any]) -> None:
    # Unused variables are not valid, but the only way to have one of every type.
    text = f"query ({declared}) {{ run(id: $v) {{ id }} }}"
    document = parse(text)

    async def compare() -> None:
        expected = await by_core(document, variables, {"1": sound(1)})
        runner = Runner(CORE, document, operation_of(document))
        assert await by_runner(runner, variables, {"1": sound(1)}) == expected

    run(compare())


def test_a_list_of_ids_is_the_operations_own() -> None:
    ids = ["fake:1"]
    runner = runner_of("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }")
    coerced: Any = runner._variables.coerce({"ids": ids})  # pyright: ignore[reportPrivateUsage]
    assert coerced.coerced == {"ids": ids}
    assert coerced.coerced["ids"] is not ids


TEXTS = [
    """query ($n: ID!, $a: Boolean!) { run(id: $n) { id ...F @include(if: $a) } }
       fragment F on Run { usage { cost { amount } } }""",
    """query ($n: ID!, $a: Boolean!) {
         x: node(id: $n) { __typename id @skip(if: $a) } y: run(id: $n) { steps { id status } } }""",
    """query ($n: ID!, $a: Boolean!) {
         nodes(ids: [$n, "fake:22", "bad", $n]) { id ... on Run { input tags @skip(if: $a) } } }""",
]


def test_requests_at_the_same_time_do_not_touch_each_other() -> None:
    """Through `GatewaySchema.execute`: many requests with documents, variables and runs of their own."""

    async def one(n: int) -> None:
        text = TEXTS[n % len(TEXTS)]
        errors = {Part.INPUT: Unavailable(str(n), provider="fake")} if n % 4 == 0 else {}
        outcomes = {"1" * (n % 3 + 1): replace(sound(n), part_errors=errors), "22": sound(n + 1000)}
        variables = {"n": f"fake:{'1' * (n % 3 + 1)}", "a": n % 2 == 0}
        expected = await by_core(parse(text), variables, outcomes)
        made = await SCHEMA.execute(text, variable_values=variables, context_value=context(outcomes))
        assert picture(made) == expected

    async def everybody() -> None:
        await asyncio.gather(*(one(n) for n in range(90)))

    run(everybody())


def test_mutations_and_introspection_are_graphql_cores() -> None:
    run(same("{ __schema { types { name fields { name } } } __typename }", {}, {}))


def plain(type_: GraphQLObjectType, selection_set: str) -> Complete:
    """The generated function for objects of a type."""
    operation = operation_of(parse(f"{{ x {selection_set} }}"))
    selection: Any = operation.selection_set.selections[0]
    scope = Scope(CORE, operation, {}, VariableValues({}, {}), Budget(completers.MAX_FIELDS))
    return compile_value(scope, type_, [FieldDetails(selection, None)])


def test_a_function_raises_where_it_can_not_complete() -> None:
    type_: Any = CORE.type_map["OtherRun"]
    complete = plain(type_, "{ status }")
    info = PlainInfo(context({}))
    assert complete(sound(1), info) == {"status": sound(1).status.name}
    no_status: Any = None
    broken = replace(sound(1), status=no_status)
    for value in (None, 5, "text", ValueError("no"), broken):
        with pytest.raises(Exception):  # noqa: B017, PT011 - any will do
            complete(value, info)

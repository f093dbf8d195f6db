"""Whole answers that are given again, and what HTTP clients may keep of them."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Scope

from adapters.errors import NotFound, Unavailable
from adapters.model import Part, RunFile, RunRecord
from adapters.status import RunStatus
from gateway.cache import RunCache
from gateway.caching.answers import Answers
from gateway.caching.counts import Counts
from gateway.context import Context
from gateway.endpoint import Endpoint
from gateway.providers import Provider, Providers
from gateway.schema import build, run_type_names
from gateway.service import RunService
from gateway.settings import CacheSettings, ServerSettings
from tests.gateway.fake import FakeAdapter, record
from tests.support import run

from .support import EPOCH, Clock

RUN = '{ run(id: "fake:1") { id status } }'
JSON, GRAPHQL = "application/json", "application/graphql-response+json"


class House:
    """A gateway over one made-up provider. Runs end unless their id says otherwise."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.counts = Counts()
        self.adapter = FakeAdapter(self.answer)
        self.url = "https://files.test/a"
        self.opened: asyncio.Event | None = None
        cache = CacheSettings.model_validate(settings)
        service = RunService(RunCache(cache, self.clock, counts=self.counts))
        providers, names = Providers([Provider("fake", self.adapter)]), run_type_names()

        def new_context(request_id: str, _scope: Scope) -> Context:
            return Context(providers, service, names, ServerSettings().max_ids, request_id)

        answers = Answers(cache, self.clock, self.counts) if cache.reuse_answers else None
        self.app: ASGIApp = Endpoint(build(), new_context, 1 << 20, None, answers, self.clock)

    async def answer(self, native_id: str, parts: frozenset[Part]) -> RunRecord:
        if self.opened is not None:
            await self.opened.wait()
        if native_id == "missing":
            raise NotFound(provider="fake")
        if native_id == "failing":
            raise Unavailable(provider="fake")
        status = RunStatus.__members__.get(native_id.upper(), RunStatus.SUCCEEDED)
        errors = {Part.USAGE: Unavailable(provider="fake")} if native_id == "partial" else {}
        files = (RunFile(name="a", download_url=self.url),)
        return record(native_id, parts - set(errors), status=status, files=files, part_errors=errors)

    def post(self, query: str = RUN, accept: str = JSON, **more: Any) -> httpx.Response:
        return self._send("POST", json={"query": query, **more}, headers={"accept": accept})

    def get(self, query: str = RUN, method: str = "GET", **headers: str) -> httpx.Response:
        return self._send(method, params={"query": query}, headers={"accept": JSON, **headers})

    def together(self, *queries: str) -> list[httpx.Response]:
        """All at a time: no run comes before the last one is asked."""

        async def send() -> list[httpx.Response]:
            self.opened = asyncio.Event()
            asking = [asyncio.create_task(self._sent("POST", json={"query": query})) for query in queries]
            for _ in range(50):
                await asyncio.sleep(0)
            self.opened.set()
            return await asyncio.gather(*asking)

        return run(send())

    def _send(self, method: str, **request: Any) -> httpx.Response:
        return run(self._sent(method, **request))

    async def _sent(self, method: str, **request: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://x") as client:
            return await client.request(method, "/graphql", **request)

    @property
    def answers(self) -> tuple[int, int]:
        """How many were made, and how many given again."""
        return self.counts.answer_misses, self.counts.answer_hits


def run_query(native_id: str, selection: str = "status") -> str:
    return f'{{ run(id: "fake:{native_id}") {{ {selection} }} }}'


class TestReuse:
    def test_the_same_question_has_the_same_answer(self) -> None:
        house = House()
        first = house.post()
        assert [house.post().content, house.get().content] == [first.content] * 2
        assert (house.answers, house.counts.run_misses, house.counts.run_hits) == ((1, 2), 1, 0)

    def test_another_question_does_not(self) -> None:
        house = House()
        text = "query A($id: ID!, $x: Boolean = true) { run(id: $id) { id status @include(if: $x) } }"
        text += " query B { __typename }"
        questions: list[dict[str, Any]] = [
            {"operationName": "A", "variables": {"id": "fake:1"}},
            {"operationName": "A", "variables": {"id": "fake:2"}},
            {"operationName": "A", "variables": {"id": "fake:1", "x": False}},
            {"operationName": "A", "variables": {"id": "fake:1", "x": True}},
            {"operationName": "B"},
        ]
        first = [house.post(text, **question).json() for question in questions]
        assert [house.post(text, **question).json() for question in questions] == first
        assert house.post(text.replace("id status", "status id"), **questions[0]).json() != {}
        assert house.post(text, GRAPHQL, **questions[0]).headers["content-type"].startswith(GRAPHQL)
        # B is about no run.
        assert house.answers == (5 + 1 + 1 + 1, 4)

    def test_the_order_of_variables_does_not_matter(self) -> None:
        house = House()
        text = "query($a: ID!, $b: ID!) { a: run(id: $a) { id } b: run(id: $b) { id } }"
        house.post(text, variables={"a": "fake:1", "b": "fake:2"})
        house.post(text, variables={"b": "fake:2", "a": "fake:1"})
        assert house.answers == (1, 1)

    def test_until_the_first_run_in_it_is_over(self) -> None:
        house = House()
        house.post(run_query("1"))
        house.clock.now += 300
        house.post('{ nodes(ids: ["fake:1", "fake:2"]) { id } }')
        house.clock.now += 230
        house.post('{ nodes(ids: ["fake:1", "fake:2"]) { id } }')
        assert (house.answers, len(house.adapter.calls)) == ((2, 1), 2)
        house.clock.now += 140
        house.post('{ nodes(ids: ["fake:1", "fake:2"]) { id } }')
        assert (house.answers, len(house.adapter.calls)) == ((3, 1), 3)

    def test_until_a_signed_url_in_it_is_over(self) -> None:
        house = House()
        house.url = f"https://files.test/a?Signature=x&Expires={int(EPOCH) + 100}"
        query = run_query("1", "files { downloadUrl }")
        house.post(query)
        house.clock.now += 89
        house.post(query)
        assert house.answers == (1, 1)
        house.clock.now += 2
        house.post(query)
        assert (house.answers, len(house.adapter.calls)) == ((2, 1), 2)

    @pytest.mark.parametrize(
        "query",
        [
            run_query("running"),
            run_query("waiting"),
            run_query("unknown"),
            run_query("missing"),
            run_query("failing"),
            run_query("partial", "status usage { inputTokens }"),
            '{ nodes(ids: ["fake:1", "fake:running"]) { id } }',
            '{ nodes(ids: ["fake:1", "fake:missing"]) { id } }',
            '{ nodes(ids: ["fake:1", "nobody:1"]) { id } }',
            run_query("1", "status provider { name health { state } }"),
            'fragment P on Provider { health { state } } { run(id: "fake:1") { provider { ...P } } }',
            '{ providers { name } run(id: "fake:1") { id } }',
            'fragment Q on Query { providers { name } } { run(id: "fake:1") { id } ...Q }',
            '{ runs(first: 1) { nodes { id } } run(id: "fake:1") { id } }',
            '{ __schema { types { name } } run(id: "fake:1") { id } }',
            "{ __typename }",
            "{ nothing }",
        ],
    )
    def test_not_of_anything_that_may_change_on_its_own(self, query: str) -> None:
        house = House()
        for _ in range(3):
            house.post(query)
        _made, given_again = house.answers
        assert given_again == 0

    def test_what_is_skipped_is_not_asked_for(self) -> None:
        house = House()
        for _ in range(2):
            house.post(
                'query($no: Boolean!) { __typename run(id: "fake:1") @skip(if: $no) { id } }', variables={"no": True}
            )
        assert house.answers == (2, 0)

    def test_can_be_switched_off(self) -> None:
        house = House(reuse_answers=False)
        assert house.post().content == house.post().content
        assert (house.answers, house.counts.run_hits) == ((0, 0), 1)

    def test_answers_are_bounded(self) -> None:
        house = House(max_answer_bytes=5_000)
        for number in range(20):
            house.post(run_query(str(number)))
        house.post(run_query("0"))
        house.post(run_query("19"))
        assert house.answers == (21, 1)

    def test_variables_that_can_t_be_told_apart_are_not_reused(self) -> None:
        house = House()
        deep: Any = 1
        for _ in range(300):
            deep = [deep]
        for _ in range(2):
            assert house.post(variables={"unused": deep}).status_code == 200
        assert house.answers == (0, 0)


class TestAtATime:
    """The same question several times before it is answered."""

    @pytest.mark.parametrize("native_id", ["1", "running"])
    def test_is_answered_once(self, native_id: str) -> None:
        house = House()
        answers = house.together(*[run_query(native_id, "id")] * 3)
        assert len({answer.content for answer in answers}) == 1
        assert answers[0].json()["data"]["run"]["id"] == f"fake:{native_id}"
        assert len({answer.headers["x-request-id"] for answer in answers}) == 3
        assert house.counts.run_misses == 1

    def test_is_each_one_s_own_where_answers_are_not_reused(self) -> None:
        house = House(reuse_answers=False)
        answers = house.together(*[run_query("1")] * 3)
        assert len({answer.content for answer in answers}) == 1
        assert (house.counts.run_misses, len(house.adapter.calls)) == (3, 1)

    def test_other_questions_are_apart(self) -> None:
        house = House()
        answers = house.together(run_query("1", "id"), run_query("2", "id"))
        assert [answer.json()["data"]["run"]["id"] for answer in answers] == ["fake:1", "fake:2"]

    @pytest.mark.parametrize("query", [run_query("failing"), run_query("partial", "usage { inputTokens }")])
    def test_an_error_names_the_request_that_it_is_of(self, query: str) -> None:
        answers = House().together(*[query] * 3)
        named = [answer.json()["errors"][0]["extensions"]["requestId"] for answer in answers]
        assert named == [answer.headers["x-request-id"] for answer in answers]
        assert len(set(named)) == 3


class TestHttp:
    def test_a_get_may_be_kept_for_as_long_as_its_runs(self) -> None:
        house = House()
        seconds = int(house.get().headers["cache-control"].removeprefix("private, max-age="))
        assert 600 * 0.9 - 1 <= seconds <= 600 * 1.1
        house.clock.now += 100
        assert house.get().headers["cache-control"] == f"private, max-age={seconds - 100}"
        assert house.get(method="HEAD").headers["cache-control"] == f"private, max-age={seconds - 100}"
        assert house.get().headers["vary"] == "Accept, Authorization"

    def test_a_post_may_not(self) -> None:
        house = House()
        for _ in range(2):
            answer = house.post()
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers

    @pytest.mark.parametrize("native_id", ["running", "waiting", "unknown", "missing"])
    def test_of_what_may_change_there_is_a_tag_only(self, native_id: str) -> None:
        house = House()
        answer = house.get(run_query(native_id))
        assert answer.headers["cache-control"] == "private, max-age=0"
        known = house.get(run_query(native_id), **{"if-none-match": answer.headers["etag"]})
        assert (known.status_code, known.content) == (304, b"")

    @pytest.mark.parametrize(
        "query",
        [
            run_query("failing"),
            run_query("partial", "usage { inputTokens }"),
            "{ providers { name } }",
            "{ runs(first: 1) { nodes { id } } }",
            "{ __typename }",
            "{ nothing }",
            "{",
        ],
    )
    def test_the_rest_may_not_be_kept(self, query: str) -> None:
        answer = House().get(query)
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers

    def test_an_answer_that_is_known_is_not_sent_again(self) -> None:
        house = House()
        answer = house.get()
        tag = answer.headers["etag"]
        assert tag.startswith('W/"')
        for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', f'W/"x",{tag}', "*"):
            known = house.get(**{"if-none-match": header})
            assert (known.status_code, known.content) == (304, b"")
            assert known.headers["etag"] == tag
            assert known.headers["cache-control"] == answer.headers["cache-control"]
            assert known.headers["vary"] == answer.headers["vary"]
            assert "content-type" not in known.headers
        for header in ('"other"', "", tag.replace('"', ""), f"x{tag[:-2]}"):
            assert house.get(**{"if-none-match": header}).status_code == 200

    def test_another_answer_has_another_tag(self) -> None:
        house = House()
        assert house.get(run_query("1", "id")).headers["etag"] != house.get(run_query("2", "id")).headers["etag"]

    def test_a_post_is_never_answered_with_304(self) -> None:
        house = House()
        tag = house.get().headers["etag"]
        answer = house._send("POST", json={"query": RUN}, headers={"if-none-match": tag, "accept": JSON})  # pyright: ignore[reportPrivateUsage]
        assert answer.status_code == 200

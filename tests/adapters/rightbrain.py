"""A made-up Rightbrain for the tests of its adapter."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from adapters.contract import Page, RunQuery
from adapters.model import Part
from adapters.rightbrain import RightbrainAdapter, RightbrainSettings
from adapters.rightbrain_parse import RightbrainRecord
from tests.support import run

FIXTURES = Path(__file__).parents[1] / "fixtures" / "rightbrain"
TASK = "019a0f44-7be2-71c0-8d13-2f6a9c0e4b58"
RUN = "019b4c13-1111-7d31-9f04-5b1c8e2a7d67"
ID = f"{TASK}/{RUN}"
PROJECT = "/api/v1/org/org-1/project/project-1"
RUN_PATH = f"{PROJECT}/task/{TASK}/run/{RUN}"
BASE: dict[str, Any] = {
    "adapter": "rightbrain",
    "base_url": "https://rb.example/api/v1",
    "org_id": "org-1",
    "project_id": "project-1",
}
CLIENT = {"client_id": "c", "client_secret": "rb-client-secret", "token_url": "https://oauth.example/token"}
NOTHING: frozenset[Part] = frozenset()
ROW_PARTS = {Part.ERROR, Part.INPUT, Part.OUTPUT, Part.USAGE, Part.FILES, Part.DEBUG}

Reply = httpx.Response | Callable[[httpx.Request], httpx.Response]


def settings(**changes: Any) -> RightbrainSettings:
    return RightbrainSettings.model_validate({**BASE, "token": "rb-api-key", **changes})


def oauth_settings(**changes: Any) -> RightbrainSettings:
    return RightbrainSettings.model_validate({**BASE, **CLIENT, **changes})


def document(**changes: Any) -> dict[str, Any]:
    """The run of the fixture "succeeded", changed."""
    fixture = json.loads((FIXTURES / "succeeded.json").read_text())
    return {**fixture["exchanges"][0]["body"], **changes}


class Api:
    """The API under a mock transport: one way to reply, a token endpoint, and the requests that were made."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[httpx.Request] = []
        self.minted = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "oauth.example":
            self.minted += 1
            return httpx.Response(200, json={"access_token": f"token-{self.minted}", "expires_in": 3600})
        self.requests.append(request)
        return self.reply if isinstance(self.reply, httpx.Response) else self.reply(request)

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def adapter(self, chosen: RightbrainSettings | None = None) -> RightbrainAdapter:
        return RightbrainAdapter.open("rb", chosen or settings(), transport=httpx.MockTransport(self))

    def fetch(self, chosen: RightbrainSettings | None = None, parts: frozenset[Part] = NOTHING) -> RightbrainRecord:
        return run(self.adapter(chosen).fetch(ID, parts))

    def list(self, limit: int = 20, cursor: str | None = None, scope: str | None = None) -> Page:
        return run(self.adapter().list_runs(RunQuery(limit=limit, cursor=cursor, scope=scope)))

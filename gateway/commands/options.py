"""Options that several commands have, and what they mean together."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import typer

from adapters.model import RunKind
from adapters.settings import resolve_secret
from adapters.status import RunStatus

from .client import GRAPHQL_PATH, Target
from .exits import UsageError
from .zones import time_ago, time_at

CONFIG_VARIABLE = "RUNGRAPH_CONFIG"
URL_VARIABLE = "RUNGRAPH_URL"
KEY_VARIABLE = "RUNGRAPH_API_KEY"

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help=f"Ask the providers of this configuration, from this process. Default: ${CONFIG_VARIABLE}.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help=f"Ask a gateway that runs there, such as http://127.0.0.1:8000. Default: ${URL_VARIABLE}.",
    ),
]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        "-H",
        metavar="HEADER",
        help="Send a header, 'Name: value'. The value may come from elsewhere: 'Authorization: Bearer env:NAME', or"
        f" file:PATH. May be repeated. The key in ${KEY_VARIABLE} is sent by itself.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]
WideOption = Annotated[bool, typer.Option("--wide", help="Every column, whole, however wide the terminal is.")]
TimezoneOption = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Time zone of what is shown and given; this machine's by default."),
]
ProviderOption = Annotated[
    list[str] | None,
    typer.Option("--provider", "-p", metavar="NAME", help="Of these providers: a,b or twice."),
]
StatusOption = Annotated[
    list[str] | None,
    typer.Option("--status", "-s", metavar="STATUS", help="At one of these: failed,timed_out ..."),
]
KindOption = Annotated[
    list[str] | None,
    typer.Option("--kind", "-k", metavar="KIND", help="Of these sorts: agent,workflow ..."),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="SPAN", help="Created so long ago at most: 30m, 12h, 7d."),
]
AfterOption = Annotated[
    str | None,
    typer.Option("--after", metavar="TIME", help="Created then or later: 2026-03-02[T09:14]."),
]
BeforeOption = Annotated[str | None, typer.Option("--before", metavar="TIME", help="Created then or earlier.")]
RanOption = Annotated[
    str | None,
    typer.Option("--target", "-t", metavar="TARGET", help="What was executed: id or name."),
]
ScopeOption = Annotated[
    str | None,
    typer.Option("--scope", metavar="SCOPE", help="What a provider lists by, such as a project."),
]


def choose_target(config: Path | None, url: str | None, headers: Sequence[str] | None) -> Target:
    """The gateway that is meant. What is given on the command line wins over the environment."""
    if config is not None and url is not None:
        raise UsageError("--config and --url are two gateways; name one")
    if config is None and url is None:
        url = os.environ.get(URL_VARIABLE) or None
        named = os.environ.get(CONFIG_VARIABLE)
        config = Path(named) if named and url is None else None
    if config is None and url is None:
        raise UsageError(
            "which gateway? --config FILE asks the providers of a configuration, --url http://HOST:PORT a gateway that"
            f" runs; {CONFIG_VARIABLE} and {URL_VARIABLE} in the environment say the same"
        )
    sent = dict(_header(text) for text in headers or ())
    if url is None:
        return Target(config, "", sent)
    # A gateway made here asks nobody who they are: its configuration is the caller's own.
    if os.environ.get(KEY_VARIABLE) and not any(name.lower() == "authorization" for name in sent):
        sent |= dict([_header(f"Authorization: Bearer env:{KEY_VARIABLE}")])
    return Target(None, _root(url), sent)


def _root(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        # What is before an @ may be a password.
        said = f', not "{url}"' if "@" not in url else ""
        raise UsageError(f"--url: expected an address such as http://127.0.0.1:8000{said}")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise UsageError("--url may hold no credentials, query or fragment; for credentials there is --header")
    return url.rstrip("/").removesuffix(GRAPHQL_PATH)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not name.replace("-", "").isalnum() or not name.isascii():
        raise UsageError("--header: expected 'Name: value'")
    scheme, _, secret = value.rpartition(" ")
    if value.startswith(("env:", "file:")) or not secret.startswith(("env:", "file:")):
        scheme, secret = "", value
    try:
        resolved: Any = resolve_secret(secret)
    except ValueError as error:
        raise UsageError(f"--header {name}: {error}") from None
    return name, f"{scheme} {resolved.get_secret_value()}".strip()


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """Which runs, as the options say it."""

    provider: Sequence[str] | None
    status: Sequence[str] | None
    kind: Sequence[str] | None
    since: str | None
    after: str | None
    before: str | None
    target: str | None
    scope: str | None

    def variables(self, zone: ZoneInfo) -> Mapping[str, Any]:
        """The same as a `RunFilter` of GraphQL, with times in UTC; what is not said is not in it."""
        if self.since is not None and self.after is not None:
            raise UsageError("--since and --after say the same thing; give one")
        after = time_ago(self.since) if self.since else time_at("--after", self.after, zone)
        before = time_at("--before", self.before, zone)
        said: dict[str, Any] = {
            "providers": split(self.provider),
            "status": chosen("--status", split(self.status), [member.value for member in RunStatus]),
            "kind": chosen("--kind", split(self.kind), [member.value for member in RunKind]),
            "createdAfter": after and _utc(after),
            "createdBefore": before and _utc(before),
            "target": self.target,
            "scope": self.scope,
        }
        return {name: value for name, value in said.items() if value}

    def parameters(self, zone: ZoneInfo) -> Sequence[tuple[str, str]]:
        """The same as parameters of an address; one that takes several values comes several times."""
        said = self.variables(zone)
        return [(name, each) for name in said for each in ([said[name]] if isinstance(said[name], str) else said[name])]


def split(values: Sequence[str] | None) -> list[str]:
    """The values of an option that takes several, separated by commas or given again."""
    return [part for value in values or () for part in (part.strip() for part in value.split(",")) if part]


def chosen(option: str, values: Sequence[str], known: Sequence[str]) -> list[str]:
    """Words of a fixed set, in any case and with - or _."""
    words = [value.upper().replace("-", "_") for value in values]
    for value, word in zip(values, words, strict=True):
        if word not in known:
            raise UsageError(f'{option}: there is no "{value}"; there are {", ".join(known).lower()}')
    return list(dict.fromkeys(words))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

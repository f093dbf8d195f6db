"""The adapters' enums as GraphQL enums, with a description for every value."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import strawberry

from adapters.contract import Capability, How
from adapters.errors import ErrorCode
from adapters.model import ActorKind, Part, RunKind, TokenAccounting, WarningCode
from adapters.status import RunStatus, StatusSource, StepStatus

E = TypeVar("E", bound=Enum)


def describe(enum: type[E], description: str, values: Mapping[E, str], name: str | None = None) -> None:
    """Make an enum a GraphQL one. Every member needs a description."""
    undescribed = set(enum) - set(values)
    if undescribed:
        raise TypeError(f"{enum.__name__}: no description for {undescribed}")
    described: Any = strawberry.enum(enum, name=name, description=description)
    texts = {member.name: text for member, text in values.items()}
    for value in described.__strawberry_definition__.values:
        value.description = texts[value.name]


_STATUSES = {
    "QUEUED": "Accepted, not started.",
    "RUNNING": "In progress.",
    "WAITING": "Stopped until somebody, or another system, answers.",
    "CANCELLING": "Asked to stop, still in progress.",
    "SUCCEEDED": "Ended, and the provider says that it worked.",
    "FAILED": "Ended with an error.",
    "CANCELLED": "Ended because somebody stopped it.",
    "TIMED_OUT": "Ended because it took too long.",
    "REJECTED": "Ended because a reviewer refused it.",
    "UNKNOWN": "The provider's word is not one that it documents, or it gave none; see rawStatus.",
}

describe(RunStatus, "Where a run stands.", {status: _STATUSES[status.name] for status in RunStatus})
describe(
    StepStatus,
    "Where a step stands.",
    {status: {**_STATUSES, "SKIPPED": "Left out on purpose."}[status.name] for status in StepStatus},
)
describe(
    StatusSource,
    "Where a status comes from.",
    {
        StatusSource.REPORTED: "The provider said it.",
        StatusSource.DERIVED: "Worked out from other fields, because the provider has no status.",
    },
)
describe(
    RunKind,
    "What sort of thing was executed.",
    {
        RunKind.AGENT: "An agent.",
        RunKind.WORKFLOW: "A workflow: steps in an order somebody defined.",
        RunKind.PROMPT: "A single prompt or completion.",
        RunKind.TASK: "A hosted task.",
        RunKind.MODEL: "A model, such as a financial model in a sandbox.",
        RunKind.UNKNOWN: "The provider does not say.",
    },
)
describe(
    Part,
    "A section of a run that is fetched only when it is selected.",
    {
        Part.ERROR: "What went wrong inside the run; the rows of some lists do not say.",
        Part.INPUT: "What the run was given.",
        Part.OUTPUT: "What the run produced.",
        Part.USAGE: "Tokens, money, credits.",
        Part.STEPS: "The steps of the run.",
        Part.FILES: "Files the run read or wrote.",
        Part.DEBUG: "Traces, process output, retries.",
        Part.EVENTS: "The timeline of the run.",
        Part.TRACE: "The provider's own trace.",
        Part.EVALUATIONS: "Scores given to the run.",
        Part.DETAILS: "The provider's own expanded description of the execution.",
        Part.RAW: "The provider's documents as received.",
    },
    name="RunPart",
)
describe(
    ActorKind,
    "What sort of initiator started a run.",
    {
        ActorKind.USER: "A person.",
        ActorKind.API: "A program, through the provider's API.",
        ActorKind.SCHEDULE: "A schedule.",
        ActorKind.SYSTEM: "The provider itself.",
        ActorKind.UNKNOWN: "The provider does not say.",
    },
)
describe(
    TokenAccounting,
    "Whether inputTokens contains the cached tokens.",
    {
        TokenAccounting.INCLUDES_CACHED: "It does.",
        TokenAccounting.EXCLUDES_CACHED: "It does not; add the cache figures for all tokens read.",
        TokenAccounting.UNKNOWN: "The provider does not say.",
    },
)
describe(
    WarningCode,
    "Why a run carries a warning.",
    {
        WarningCode.VALUE_UNREADABLE: "A value was not of the type the provider documents; it reads as null.",
        WarningCode.STATUS_UNKNOWN: "The status is not one that the provider documents.",
        WarningCode.FALLBACK_MODEL: "Another model than the configured one answered.",
        WarningCode.OUTPUT_TRUNCATED: "The provider cut the output.",
        WarningCode.INCONSISTENT: "Two facts about the run contradict each other.",
        WarningCode.LIMIT_REACHED: "There was more than the gateway reads.",
    },
    name="RunWarningCode",
)
describe(
    ErrorCode,
    "What went wrong, in one vocabulary for all providers; also in errors[].extensions.code.",
    {
        ErrorCode.INVALID_INPUT: "The request, or the run's input, was refused.",
        ErrorCode.UNAUTHENTICATED: "The credential is missing, wrong or expired.",
        ErrorCode.PERMISSION_DENIED: "The credential may not do this.",
        ErrorCode.NOT_FOUND: "There is no such thing.",
        ErrorCode.CONFLICT: "The state does not allow this.",
        ErrorCode.RATE_LIMITED: "Too many requests; see retryAfterMs.",
        ErrorCode.QUOTA_EXCEEDED: "The account's allowance is used up.",
        ErrorCode.TIMEOUT: "It took too long.",
        ErrorCode.CANCELLED: "Somebody stopped it.",
        ErrorCode.POLICY_BLOCKED: "A policy does not allow this.",
        ErrorCode.UPSTREAM_ERROR: "The provider, or what it depends on, failed in a way it explains.",
        ErrorCode.UNAVAILABLE: "The provider can't be reached or is down.",
        ErrorCode.BAD_RESPONSE: "The provider's answer is not what it documents.",
        ErrorCode.UNSUPPORTED: "The provider has no such thing.",
        ErrorCode.INTERNAL: "A server error, of the provider where one is named, else of the gateway.",
        ErrorCode.UNKNOWN: "An error that nobody explains.",
    },
)
describe(
    Capability,
    "What can be done with a provider's runs.",
    {
        Capability.GET: "Look one up by id.",
        Capability.LIST: "List them, newest first.",
        Capability.BATCH: "Look many up in one call.",
        Capability.FILES: "Download their files through the gateway, under /files/.",
    },
)
describe(
    How,
    "What a part costs.",
    {
        How.INLINE: "Nothing: it comes with every run.",
        How.EXPAND: "No call of its own, but the provider has to be asked for it.",
        How.CALL: "One more call to the provider.",
    },
    name="PartCost",
)

"""The plain values of a run. Each type reads the attributes of the record in `adapters.model` of the same name."""

from datetime import datetime
from decimal import Decimal

import strawberry

from adapters.errors import ErrorCode
from adapters.model import ActorKind, RunKind, TokenAccounting, WarningCode
from adapters.status import StepStatus

from .fields import described
from .scalars import JSON, BigInt


@strawberry.type(description="What was executed.")
class RunTarget:
    id: str | None = described("The provider's id of the agent, workflow, prompt, task or model.")
    name: str | None = described("Its name.")
    version: str | None = described("Its version, in the provider's words.")
    kind: RunKind = described("What sort of thing it is.")
    model: str | None = described("The language model it was configured with.")
    commit_sha: str | None = described("The commit it was built from.")


@strawberry.type(description="Who or what started a run. Names and addresses are personal data.")
class Actor:
    id: str | None = described("The provider's id of the initiator.")
    name: str | None = described("Name for people.")
    email: str | None = described("E-mail address.")
    kind: ActorKind = described("What sort of initiator.")


@strawberry.type(description="What went wrong inside a run. Looking the run up worked.")
class RunError:
    code: ErrorCode = described("The error in the vocabulary of all providers.")
    raw_code: str | None = described("The provider's own code.")
    message: str | None = described(
        "The provider's explanation; null where it gives none. Some providers explain in the run's steps only: select"
        " them, too."
    )
    retryable: bool | None = described("Whether another try may work; null where nobody says.")
    step_name: str | None = described("The step that failed, as far as the steps are known: select them, too.")


@strawberry.type(description="Something to know about a run that is not a failure.")
class RunWarning:
    code: WarningCode = described("What sort of warning.")
    message: str = described("One sentence.")
    path: str | None = described("Where in the provider's document.")


@strawberry.type(description="An amount of money, as the provider reported it.")
class Money:
    amount: Decimal = described("The amount.")
    currency: str = described("ISO 4217 code.")


@strawberry.type(description="A provider's own accounting unit: never converted, never added across providers.")
class Credits:
    amount: Decimal = described("The amount.")
    provider: str = described("Name of the provider whose unit it is.")


@strawberry.type(description="Token counts of one model within a run.")
class ModelUsage:
    provider: str | None = described("Vendor of the model.")
    model: str | None = described("Name of the model.")
    input_tokens: BigInt | None = described("Tokens read.")
    output_tokens: BigInt | None = described("Tokens written.")
    cache_read_input_tokens: BigInt | None = described("Tokens read from a prompt cache.")


@strawberry.type(description="What a run consumed. Unknown is null, a reported 0 is 0.")
class Usage:
    input_tokens: BigInt | None = described("Tokens read by models; see tokenAccounting.")
    output_tokens: BigInt | None = described("Tokens written by models.")
    total_tokens: BigInt | None = described("All tokens: as reported, else the sum where both sides are known.")
    cache_read_input_tokens: BigInt | None = described("Tokens read from a prompt cache.")
    cache_write_input_tokens: BigInt | None = described("Tokens written to a prompt cache.")
    reasoning_output_tokens: BigInt | None = described("Output tokens spent on reasoning.")
    token_accounting: TokenAccounting = described("Whether inputTokens contains the cached tokens.")
    cost: Money | None = described("Cost in money, only where the provider says one.")
    credits: Credits | None = described("Cost in the provider's own unit.")
    models: list[ModelUsage] = described("Counts by model, where reported.")
    model_calls: int | None = described("Calls to models.")
    retries: int | None = described("Calls to models that were repeated.")
    agent_turns: int | None = described("Turns an agent took.")
    pages_processed: int | None = described("Pages of documents that were read.")
    model_duration_ms: float | None = described("Time spent in models, in milliseconds.")
    is_partial: bool = described("The run has not ended: the figures may still grow.")
    derived_fields: list[str] = described("Names of figures that the gateway computed itself.")


@strawberry.type(description="One step of a run.")
class Step:
    id: str = described("Id of the step within the run.")
    parent_id: str | None = described("Id of the step it belongs to.")
    depth: int = described("0 for a top step, 1 for its children, and so on.")
    name: str | None = described("Name for programs.")
    label: str | None = described("Name for people.")
    agent: str | None = described("The agent that took the step.")
    kind: str | None = described("What sort of step, in the provider's words.")
    status: StepStatus = described("Where the step stands.")
    raw_status: str | None = described("The provider's word.")
    started_at: datetime | None = described("When it started.")
    ended_at: datetime | None = described("When it ended.")
    duration_ms: float | None = described("How long it took, in milliseconds.")
    error: RunError | None = described("What went wrong in it.")


@strawberry.type(description="A file that a run read or wrote.")
class RunFile:
    name: str = described("File name.")
    role: str | None = described("What it is to the run, in the provider's words: input, output, debug ...")
    path: str | None = described("Path at the provider.")
    content_type: str | None = described("Media type.")
    size_bytes: BigInt | None = described("Size in bytes.")
    step_name: str | None = described("The step that wrote it.")
    download_url: str | None = described(
        "Where to download it: a signed link of the provider, which expires, or a path at this gateway, to be resolved "
        "against the URL of its endpoint; null where there is neither."
    )


@strawberry.type(description="Whether another model had to take over.")
class Fallback:
    used: bool = described("Whether it did.")
    reason: str | None = described("Why.")
    model_id: str | None = described("The provider's id of the other model.")


@strawberry.type(description="One entry of a run's timeline.")
class RunEvent:
    type: str | None = described("What happened, in the provider's words.")
    at: datetime | None = described("When.")
    status: str | None = described("The status the run had then, in the provider's words.")
    message: str | None = described("One sentence.")
    attributes: JSON | None = described("What the provider sent beyond these fields.")

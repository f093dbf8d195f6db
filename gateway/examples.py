"""The queries that GraphiQL offers where nothing is known but the configuration."""

from .graphiql import ExampleQuery

PROVIDERS = ExampleQuery(
    "What is connected, and what each provider can do",
    """query Providers {
  providers {
    name
    title
    capabilities
    parts { part how }
    health { state lastErrorCode }
  }
}""",
)

ONE_LINE = "query($ids:[ID!]!){nodes(ids:$ids){... on Run{id status durationMs target{name} usage{totalTokens}}}}"
"""A query short enough for a shell."""

RUN = """query Run($id: ID!) {
  run(id: $id) {
    id
    kind
    status
    rawStatus
    createdAt
    durationMs
    target { name version }
    error { code message }
    # Parts below are fetched only because they are selected here.
    usage { inputTokens outputTokens cost { amount currency } credits { amount } }
    output
  }
}"""


def examples_for(provider: str) -> list[ExampleQuery]:
    """The providers, and a run of one of them whose id the reader fills in."""
    return [
        PROVIDERS,
        ExampleQuery("One run: put its id into the variables", RUN, f'{{ "id": "{provider}:<native id>" }}'),
    ]

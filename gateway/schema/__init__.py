"""The GraphQL schema. `build()` makes it; `schema.graphql` at the root of the repository is printed from it."""

from .build import GatewaySchema, build, run_type_names

__all__ = ["GatewaySchema", "build", "run_type_names"]

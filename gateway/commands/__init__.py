"""The commands for people and scripts, one small module a command.

But for `documents`, they know the gateway by its GraphQL and its export only, in this process or elsewhere.
"""

import typer

from . import documents, export, get, query, runs, usage
from .exits import TABLE

EPILOG = TABLE
"""Below the help of `rungraph` itself."""


def register(app: typer.Typer) -> None:
    """Add the commands to `rungraph`."""
    app.command(epilog=get.EXAMPLES)(get.get)
    app.command(epilog=runs.EXAMPLES)(runs.runs)
    app.command(epilog=usage.EXAMPLES)(usage.usage)
    app.command(epilog=export.EXAMPLES)(export.export)
    app.command(epilog=query.EXAMPLES)(query.query)
    app.command(epilog=documents.EXAMPLES)(documents.documents)

"""The `rungraph` command."""

import os
import socket
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from . import commands, crashes
from .settings import ConfigError, Settings, load

EXIT_FAILURE = 1
EXIT_USAGE = 2
DEFAULT_PORT = 8000
WIDTH = 1000

app = typer.Typer(
    name="rungraph",
    help="One GraphQL endpoint over the runs of many providers.",
    epilog=commands.EPILOG,
    rich_markup_mode=None,  # Typer's boxes cut words where a terminal is narrow
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="Configuration, TOML. See rungraph.example.toml.")
]
HostOption = Annotated[
    str | None, typer.Option(metavar="HOST", help="Address to listen on; the configuration's by default.")
]
PortOption = Annotated[
    int | None, typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0 takes a free one.")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rungraph {metadata.version('rungraph')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version, and end.")
    ] = False,
) -> None:
    """What holds for every command."""


@app.command(
    short_help="Try it with five simulated providers.", epilog="Example: rungraph demo --port 9000 --no-browser"
)
def demo(
    port: PortOption = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open GraphiQL in a browser.")] = True,
) -> None:
    """Start the gateway over five simulated providers: no account, no credentials."""
    try:
        from .demo.launch import launch
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        _fail("the demo needs the package mcp: pip install 'rungraph[demo]'", EXIT_FAILURE)
    sock = _listen("127.0.0.1", DEFAULT_PORT if port is None else port, or_any=port is None)
    launch(sock, browser=browser and sys.stdout.isatty(), console=Console())


@app.command(epilog="Example: rungraph serve --config rungraph.toml")
def serve(
    config: ConfigOption,
    host: HostOption = None,
    port: PortOption = None,
    workers: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes to answer with.")] = 1,
    allow_unauthenticated: Annotated[
        bool,
        typer.Option("--allow-unauthenticated", help="Listen to other machines although nobody says who they are."),
    ] = False,
) -> None:
    """Serve GraphQL over the providers of a configuration. SIGHUP reads it again; SIGTERM finishes what has begun."""
    from . import reloading, serving
    from . import workers as processes
    from .app import GRAPHQL_PATH

    settings = _load(config)
    address = host or settings.server.host
    is_answered_for = settings.auth.is_required or settings.server.allow_unauthenticated or allow_unauthenticated
    if not is_answered_for and not serving.is_loopback(address):
        _fail(
            f"{address} can be reached from other machines, and nobody has to say who they are: configure [auth]"
            " (rungraph key makes a key), or say --allow-unauthenticated",
            EXIT_USAGE,
        )
    sock = _listen(address, settings.server.port if port is None else port)
    names = ", ".join(settings.providers)
    console = Console(soft_wrap=True, highlight=False)

    def started(url: str) -> None:
        console.print(f"RunGraph serves {names} at {url}{GRAPHQL_PATH}")

    if workers == 1:
        reloading.serve(config, settings, sock, started)
    else:
        url = serving.url_of(sock)
        raise typer.Exit(processes.serve(config, settings, sock, workers, lambda: started(url)))


@app.command(
    short_help="Try every provider of a configuration.",
    epilog="Exit code 0: all work; 1: at least one does not; 2: the configuration can't be used.",
)
def check(config: ConfigOption) -> None:
    """Try every provider of a configuration: reachable, credential accepted, how fast."""
    from .checks import check_all, report

    results = check_all(_load(config))
    # Wide, because rich cuts words to what a terminal or a log says its width is.
    report(results, Console(width=WIDTH, highlight=False, markup=False))
    if not all(result.ok for result in results):
        raise typer.Exit(EXIT_FAILURE)


@app.command(epilog="Example: rungraph key reports")
def key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use it; the key is configured by this name.")],
) -> None:
    """Make an API key: it is shown once, and the configuration holds its hash only."""
    from .auth.keys import hash_of, make_key
    from .auth.settings import KEY_NAME

    if not KEY_NAME.fullmatch(name):
        _fail("a key's name may hold letters, digits, dot, - and _ only", EXIT_USAGE)
    made = make_key()
    # A dot in a bare key of TOML would be another level.
    section = f'"{name}"' if "." in name else name
    sys.stderr.write("The key, shown only now; it is sent as  Authorization: Bearer <key>\n")
    sys.stdout.write(f"{made}\n")
    sys.stderr.write(f'\nFor the configuration:\n\n[auth.keys.{section}]\nhash = "{hash_of(made)}"\nscope = "read"\n')


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from .schema import build

    sys.stdout.write(build().as_str() + "\n")


commands.register(app)


def main() -> None:
    """Run the command, and end the process."""
    sys.excepthook = crashes.show
    crashes.keep_texts_out_of_logs()
    try:
        app()
    except SystemExit as end:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
            sys.stderr.flush()
        # Threads of the HTTP client can abort the process while the interpreter winds up: nothing is left to do there.
        os._exit(end.code if isinstance(end.code, int) else 0 if end.code is None else EXIT_FAILURE)


def _load(config: Path) -> Settings:
    try:
        return load(config)
    except ConfigError as error:
        _fail(str(error), EXIT_USAGE)


def _listen(host: str, port: int, *, or_any: bool = False) -> socket.socket:
    from .serving import listen

    try:
        return listen(host, port)
    except OSError as error:
        if or_any:
            return listen(host, 0)
        _fail(f"can't listen on {host} port {port}: {error.strerror}; another one: --port N", EXIT_FAILURE)


def _fail(message: str, code: int) -> NoReturn:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"rungraph: {message}")
    raise typer.Exit(code)

"""`rungraph demo`: the simulated providers and a gateway over them, in one process."""

import json
import socket
import threading
import webbrowser

from rich.console import Console

from gateway.app import GRAPHQL_PATH, create_app
from gateway.examples import ONE_LINE
from gateway.serving import serve
from gateway.settings import parse

from .examples import examples
from .world import DemoWorld


def launch(sock: socket.socket, *, browser: bool, console: Console) -> None:
    """Serve until interrupted."""
    with DemoWorld() as world:
        tabs = examples(world)
        app = create_app(parse(world.configuration()), examples=tabs)

        def started(url: str) -> None:
            _announce(console, url + GRAPHQL_PATH, json.loads(tabs[0].variables)["ids"], world)
            if browser:
                threading.Thread(target=webbrowser.open, args=(url + GRAPHQL_PATH,), daemon=True).start()

        serve(app, sock, started)
        console.print("Stopped.")


def _announce(console: Console, url: str, ids: list[str], world: DemoWorld) -> None:
    body = json.dumps({"query": ONE_LINE, "variables": {"ids": ids}})
    lines = [
        f"RunGraph demo is ready: {url}",
        "Open it in a browser for GraphiQL with example queries. A first query from a shell:",
        "",
        f"  curl -s {url} -H 'content-type: application/json' -d '{body}'",
        "",
        "Five simulated providers answer behind it, each a real server:",
        *(f"  {name:<11} {root}{world.simulators[name].prefix}" for name, root in world.urls.items()),
        "",
        "Stop with Ctrl+C.",
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)

"""GraphiQL in a browser, driven by what a visitor sees."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request

# The browser does not log every violation to the console, so each is made a console error.
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event =>
  console.error(`content security policy: ${event.effectiveDirective} forbids ${event.blockedURI}`));
"""
_EDITOR_TEXT = "name => __MONACO.editor.getModels().find(model => model.uri.path.endsWith(name))?.getValue()"

_WRITE_QUERY = """([text, cursor]) => {
  const editor = __MONACO.editor.getEditors().find(each => each.getModel().uri.path.endsWith("operation.graphql"));
  editor.setValue(text);
  editor.setPosition(editor.getModel().getPositionAt(cursor));
  editor.focus();
}"""


class GraphiQLPage:
    """One visit: opens `url` in `context`. `problems` collects what no visit may cause.

    These are requests to another origin than the page's, failed requests, console errors, content security policy
    violations and uncaught exceptions. `page` is Playwright's page, for what has no method here.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self._origin = urlsplit(url)[:2]
        self.problems: list[str] = []
        self.page: Page = context.new_page()
        self.page.add_init_script(_REPORT_VIOLATIONS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        self.page.on("requestfailed", self._on_failure)
        self.page.on("websocket", lambda socket: self._check_origin(socket.url.replace("ws", "http", 1)))
        context.on("request", lambda request: self._check_origin(request.url))
        self.page.goto(url)
        self.page.locator(".graphiql-response .view-lines").wait_for()

    def tabs(self) -> list[str]:
        """The tabs' titles, from left to right."""
        return [title.strip() for title in self._tabs().all_inner_texts()]

    def open_tab(self, title: str) -> None:
        """Switches to the tab with this title."""
        self._tabs().get_by_text(title, exact=True).click()
        self._settle()

    def open_example(self, title: str) -> None:
        """Opens an example of the "Examples" panel, which has to be shown, in a new tab."""
        self.page.locator(".graphiql-plugin").get_by_role("button", name=title, exact=True).click()
        self._settle()

    def query(self) -> str:
        """The text in the query editor."""
        return self._editor_text("operation.graphql")

    def write_query(self, text: str, *, cursor: int) -> None:
        """Replaces the query and puts the cursor after its first `cursor` characters, as if typed there."""
        self.page.evaluate(_WRITE_QUERY, [text, cursor])
        self._settle()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns once `condition` holds; TimeoutError where it never does.

        Playwright's own `wait_for_function` evaluates code in the page, which the content security policy forbids.
        """
        for _ in range(6000):
            if condition():
                return
            self.page.wait_for_timeout(20)
        raise TimeoutError("GraphiQL did not reach the state waited for")

    def variables(self) -> str:
        """The text in the variables editor."""
        return self._editor_text("variables.json")

    def run(self) -> None:
        """Presses the execute button and waits for the answer; of several (@defer, subscriptions) for the first."""
        self.page.get_by_role("button", name="Execute query").click()
        self.wait_until(lambda: self._editor_text("response.json") != "")
        self.page.locator(".graphiql-response .graphiql-spinner").wait_for(state="detached")

    def result(self) -> Any:
        """The answer shown, as parsed JSON."""
        return json.loads(self._editor_text("response.json"))

    def open_panel(self, name: str) -> None:
        """Shows a side panel: "Documentation Explorer", "History" or "Examples"."""
        self.page.get_by_role("button", name=f"Show {name}").click()

    def panel_text(self) -> str:
        """The visible text of the open side panel."""
        return self.page.locator(".graphiql-plugin").inner_text()

    def stored(self) -> dict[str, str]:
        """What the page keeps in local storage."""
        return self.page.evaluate("({...localStorage})")

    def _settle(self) -> None:
        # GraphiQL reads the operation's name out of a new text 0.1 s later, and stores the text in the same step. Run
        # before that, the new query would be sent with the old name.
        self.wait_until(
            lambda: any(key.endswith(":query") and text == self.query() for key, text in self.stored().items())
        )

    def _editor_text(self, name: str) -> str:
        return str(self.page.evaluate(_EDITOR_TEXT, name))

    def _tabs(self) -> Locator:
        return self.page.locator(".graphiql-tab-button")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"console: {message.text}")

    def _on_failure(self, request: Request) -> None:
        # Aborted by the page itself: GraphiQL stops reading a @defer answer at its last part.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed: {request.url} {request.failure}")

    def _check_origin(self, url: str) -> None:
        if not url.startswith(("data:", "blob:")) and urlsplit(url)[:2] != self._origin:
            self.problems.append(f"request to another origin: {url}")

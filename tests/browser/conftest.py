import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from .graphiql_page import GraphiQLPage

_EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No name but loopback's resolves: a page that wants another host fails, wherever the tests run.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)

OpenGraphiQL = Callable[[str], GraphiQLPage]


# "package", not "session": Playwright's synchronous API keeps an event loop marked as running in this thread, so it has
# to end before tests elsewhere start loops of their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, headless. Without one tests are skipped, but in CI they fail."""
    executable = next(filter(None, map(shutil.which, _EXECUTABLES)), None)
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs a browser: none of {', '.join(_EXECUTABLES)} is on the path")
        pytest.skip("no Chromium on the path")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor with a browser profile of their own: local storage starts empty and lasts for the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(120_000)
    yield context
    context.close()


@pytest.fixture
def graphiql_page(visitor: BrowserContext) -> Iterator[OpenGraphiQL]:
    """Opens GraphiQL at a URL; at the end of the test no page may have had a problem (see `GraphiQLPage`)."""
    pages: list[GraphiQLPage] = []

    def open_page(url: str) -> GraphiQLPage:
        pages.append(GraphiQLPage(visitor, url))
        return pages[-1]

    yield open_page
    assert [problem for page in pages for problem in page.problems] == []

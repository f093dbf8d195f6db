"""What is said of exceptions that nobody expected: where they happened, and never their text.

It may quote what was sent and what came back, such as a credential or a signed URL.
"""

import logging
import sys
import traceback
from types import TracebackType

_LOGGERS = ("asyncio", "uvicorn.error")
"""Those that log whatever exception reaches them."""


def report(error: BaseException) -> str:
    """The kinds of an exception and of what led to it, each with its trace, the first one first."""
    parts: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        parts.append("".join((*traceback.format_tb(link.__traceback__), type(link).__qualname__)))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\nwhich led to:\n".join(reversed(parts))


def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: what is printed before the process ends."""
    if isinstance(error, Exception):
        sys.stderr.write(f"rungraph: unexpected {kind.__qualname__}\n{report(error)}\n")
    else:
        sys.__excepthook__(kind, error, trace)


def keep_texts_out_of_logs() -> None:
    """Have event loops and the server log exceptions so."""
    for name in _LOGGERS:
        # The same function again is no second filter.
        logging.getLogger(name).addFilter(_without_text)


def _without_text(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        # asyncio shows a failed task, exception and all, below the first line.
        first_line = record.getMessage().strip().partition("\n")[0]
        record.msg, record.args = "%s\n%s", (first_line, report(error))
        record.exc_info = record.exc_text = None
    return True

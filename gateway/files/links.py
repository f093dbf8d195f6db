"""Links to files that are had through the gateway."""

from collections.abc import Sequence
from urllib.parse import quote

from msgspec.structs import replace

from adapters.model import RunFile, RunRecord
from gateway.context import Context

from .paths import path_at


def linked(run: RunRecord, context: Context) -> Sequence[RunFile] | None:
    """A run's files, each with a link: the provider's where it signed one, else the path at this gateway.

    Of the gateway only the path: the host that a request names is the client's word, and answers are kept for others.
    """
    provider = context.providers.get(run.provider)
    if not run.files or provider is None or provider.files is None:
        return run.files
    start = quote(context.root_path)
    return tuple(
        file
        if file.download_url or not file.path or (path := path_at(run.id, file.path)) is None
        else replace(file, download_url=start + path)
        for file in run.files
    )

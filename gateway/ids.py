"""Run ids at the gateway: "<provider name>:<native id>", percent-encoded where needed (`adapters.model.run_id`)."""

from urllib.parse import unquote

MAX_LENGTH = 2048


def parse(run_id: str) -> tuple[str, str]:
    """Provider name and native id; ValueError with a sentence for the client where the id can't be one."""
    name, separator, encoded = run_id.partition(":")
    if not separator or not name or not encoded or len(run_id) > MAX_LENGTH:
        raise ValueError('a run id has the form "<provider>:<native id>"')
    if "%" not in encoded:
        return name, encoded
    try:
        return name, unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the id is not valid UTF-8 once decoded") from None

"""How commands end: exit codes that scripts can use, and the error that carries one."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can tell from a command's end."""

    DONE = 0
    NO = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERRUPTED = 130


TABLE = "\n".join(
    (
        "\b",
        "Exit codes of get, runs, usage, export and query:",
        "  0    done, and complete",
        "  1    no: there is no such run, or it was refused",
        "  2    wrong usage or configuration",
        "  3    could not look, or not everywhere: what could be",
        "       had is printed, stderr says what is missing",
        "  130  interrupted",
    )
)


class CommandError(Exception):
    """Ends a command. `str()` is one sentence for people."""

    def __init__(self, message: str, code: ExitCode = ExitCode.NO) -> None:
        super().__init__(message)
        self.code = code


class UsageError(CommandError):
    """What was asked makes no sense, or can't be done here."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.USAGE)

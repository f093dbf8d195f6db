"""The entry of the `rungraph` command; `python -m gateway` is the same."""

import signal


def main() -> None:
    """Run the command. Ctrl+C while its modules are loaded ends the process as it ends any: without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .cli import main as run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()

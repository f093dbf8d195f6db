"""What the caches did since the process started."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Numbers that only grow.

    Runs are counted once per request that asks for them. A hit answered for everything that was wanted of the run.
    `shared_*` is about the server that replicas share: what was found there, what was not (or could not be read), calls
    that failed, outages that began, and look-ups that another replica made for this one.
    """

    run_hits: int = 0
    run_misses: int = 0
    run_stale: int = 0
    answer_hits: int = 0
    answer_misses: int = 0
    shared_hits: int = 0
    shared_misses: int = 0
    shared_unreadable: int = 0
    shared_errors: int = 0
    shared_outages: int = 0
    shared_waits: int = 0

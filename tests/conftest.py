"""What all tests have in common."""

from hypothesis import settings

# A machine with much else to do must not fail a test: nothing asserts how long it takes.
settings.register_profile("rungraph", deadline=None)
settings.load_profile("rungraph")

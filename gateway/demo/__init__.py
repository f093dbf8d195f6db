"""Simulated providers: real HTTP servers on loopback that speak each provider's documented wire format.

Nothing here imports `adapters`, so that a mistake in one can't be hidden by the same mistake in the other.
"""

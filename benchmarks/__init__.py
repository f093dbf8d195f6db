"""How fast the gateway is, next to a bare proxy with the same client: `python -m benchmarks`."""

TABLE_WIDTH = 160
"""Columns of text: enough for every table, also where the output is a file."""

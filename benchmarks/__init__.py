"""How fast the gateway is, next to a bare proxy with the same client: `python -m benchmarks`."""

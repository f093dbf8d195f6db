"""Load with faults switched on and off, every answer checked against the truth: `python -m benchmarks.soak`."""

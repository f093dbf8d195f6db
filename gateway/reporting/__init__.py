"""The usage report: `usage` walks the runs, `aggregation` adds up, `shares` divides by model, `buckets` by time."""

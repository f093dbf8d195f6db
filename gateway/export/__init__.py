"""Runs as files: CSV, NDJSON, Parquet. They are written while the runs are fetched, and say at their end whether they
are whole."""

from .columns import Columns
from .endpoint import EXPORT_PATH, ExportEndpoint

__all__ = ["EXPORT_PATH", "Columns", "ExportEndpoint"]

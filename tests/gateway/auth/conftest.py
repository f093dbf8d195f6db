"""Providers with accounts, and Redis, for the tests of this folder."""

from tests.gateway.caching.conftest import redis_server

from .tenants import running_tenants, tenants

__all__ = ["redis_server", "running_tenants", "tenants"]

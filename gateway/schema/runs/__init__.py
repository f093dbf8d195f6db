"""One GraphQL type a provider. Each module declares `RECORD_TYPE`, its adapter's record, and `RUN_TYPE`, the type."""

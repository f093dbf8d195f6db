"""What GraphQL users see: schema, plan of an operation, the service that loads runs, server and commands."""

"""What a run provider is: the contract, the five built-in adapters, and what they stand on.

Knows HTTP and runs; knows nothing of GraphQL. Start with `contract`, then `model`, then any provider's file.
"""

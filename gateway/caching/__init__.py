"""What the run cache is made of: entries and their lives, bounded memory, keys, and a server that replicas share."""

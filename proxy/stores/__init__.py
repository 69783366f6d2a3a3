"""Where usage, standings and keys live: Redis or Valkey, and what holds while it does not answer.

`redis_store` counts (its rules are the scripts in `lua/`), `fallback` serves a share of each limit alone when the store is
lost, `embedded` runs a private Valkey, `connect` opens standalone, Sentinel and Cluster alike.
"""

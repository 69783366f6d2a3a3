"""Stillgate: an inline proxy that keeps a model from being copied through its own API.

Read the floors bottom to top: ``core`` (what is decided), ``dialects`` and ``shaping`` (what is on the wire),
``gateway`` (one request's line), then the rooms that touch the world, and ``app``, which alone knows them all.
"""

"""Changing streams without I/O: bytes in, bytes out. `framing` finds events, `stream` reads and shapes them."""

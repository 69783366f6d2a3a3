"""How bytes are changed on their way back, sans I/O: bytes in, bytes out."""

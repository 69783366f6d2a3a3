"""What is decided, as pure functions over records. No I/O, no clock, no chance: time is an argument (`at`, epoch seconds)."""

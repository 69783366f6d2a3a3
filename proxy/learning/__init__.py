"""What is learned from finished exchanges: observations, profiles, signals, links, campaigns and scores. Pure: bytes and records in,
records out; time is an argument, and the same observations give the same scores bit for bit."""

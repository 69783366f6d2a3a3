"""One request's line, over ports. Knows no HTTP library and no store library."""

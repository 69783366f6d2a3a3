"""The catalogue of dialects. A new dialect is one new file here, and one line below."""

"""The sealing room: keys, tokens that only this proxy can open, and links for verification."""

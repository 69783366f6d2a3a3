"""Recordings: what a gateway writes down of its exchanges, to be replayed (`recording:` in the policy)."""

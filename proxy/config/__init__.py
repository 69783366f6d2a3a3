"""What operators write: process settings and the policy file. Strict at the rim, frozen inside, swapped whole.

Only this room knows YAML and pydantic; what leaves it are plain records of `core` and one frozen `Settings`.
"""

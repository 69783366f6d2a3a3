"""The composition root: alone knows every concrete class, and the processes they run in.

`supervisor` starts the store, the workers and the admin port; `worker` wires one gateway; `admin` answers health and metrics.
"""

"""`python -m proxy` is the `stillgate` command."""

from proxy.cli import main

main()

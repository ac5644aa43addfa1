"""``python -m gateway``: the same as the console script."""

from gateway.cli import main

main()

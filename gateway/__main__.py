"""``python -m gateway``: the command line, where no console script is on the path."""

from gateway.cli import main

main()

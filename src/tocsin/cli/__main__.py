"""`python -m tocsin.cli` is the `tocsin` command."""

from tocsin.cli import main

main()

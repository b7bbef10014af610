"""`python -m unlearnable`: the command line where the command itself is not on the path."""

from unlearnable.cli import main

main()

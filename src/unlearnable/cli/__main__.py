"""`python -m unlearnable.cli`."""

from unlearnable.cli import main

main()

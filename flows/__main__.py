"""`python -m flows`: the `tingjian` command without its script."""

from flows.cli import main

main()

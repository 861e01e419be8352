"""`python -m app` is `precis`."""

from app.cli import main

main()

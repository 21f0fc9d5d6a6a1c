"""`python -m auheat` is the command line."""

from __future__ import annotations

from auheat.cli import main

if __name__ == "__main__":
    main()

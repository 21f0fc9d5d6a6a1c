"""Code that is run in a Python of its own, where nothing has been imported yet."""

from __future__ import annotations

import subprocess
import sys


def printed(code: str) -> bytes:
    """What the code prints; nothing may go to standard error."""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stderr == b"", result.stderr
    return result.stdout.strip()

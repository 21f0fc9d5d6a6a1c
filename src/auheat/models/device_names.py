"""The names of devices that networks run on, as a user gives them; without torch."""

from __future__ import annotations

import re
from typing import Any

from auheat.errors import AuheatError, check_text, shown

# N counts from 0.
DEVICES = "auto, cpu, cuda, cuda:N, mps"


def check_device(name: Any) -> None:
    """Checks that a word names a device, whether it is there or not.

    Raises:
        AuheatError: It does not.
    """
    check_text("device", name)
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", name):
        raise AuheatError(f"{shown(name)} is no device: give one of {DEVICES}")

"""How a call refuses a file: in one line that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auheat.errors import AuheatError


def refusal(call: Callable[[], Any], path: Path) -> str:
    with pytest.raises(AuheatError) as caught:
        call()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message

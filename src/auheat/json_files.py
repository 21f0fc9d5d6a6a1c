"""JSON that anyone may have written, or damaged."""

from __future__ import annotations

import json
import sys
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """What a text of JSON holds.

    Args:
        text: Of a whole file, or of a file's metadata.

    Returns:
        Dictionaries, lists, texts, numbers, booleans or None: of which kinds is not checked.

    Raises:
        ValueError: It is no JSON, brackets are nested deeper than Python follows, or a whole number
            is larger than any float.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise ValueError("the brackets of this JSON are nested too deeply") from None


def _whole(digits: str) -> int:
    number = int(digits)
    if len(digits) > sys.float_info.max_10_exp:
        try:
            float(number)
        except OverflowError:
            raise ValueError("a number of this JSON is too large") from None
    return number

"""What fails where packages are missing that the core does without."""

from __future__ import annotations

from auheat.errors import AuheatError
from auheat.optional import EXTRAS

_ONLY_IN_TESTS = {
    *("httpx", "httpx2", "nbclient", "nbformat", "pingouin", "psutil", "schemathesis"),
    *("sklearn", "torch_geometric", "websockets", "yaml"),
}


def needs_more(error: BaseException | None) -> bool:
    """Whether an error, or what lies below it, is that of a package that the core lacks."""
    while error is not None:
        package = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ImportError) and package in {*EXTRAS, *_ONLY_IN_TESTS}:
            return True
        if isinstance(error, AuheatError) and "is not installed: pip install" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False

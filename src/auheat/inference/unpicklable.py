"""What belongs to one process: it holds networks, threads or open files."""

from __future__ import annotations

from typing import NoReturn, TypeVar

Itself = TypeVar("Itself")


class StaysInItsProcess:
    """Refuses to be pickled, as sending it to another process would; a shallow copy shares all."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or sent to another process: make one in "
            "each process"
        )

    def __copy__(self: Itself) -> Itself:
        copied = object.__new__(type(self))
        vars(copied).update(vars(self))
        return copied

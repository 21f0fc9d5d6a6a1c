"""What belongs to one process: it holds networks, threads or open files."""

from __future__ import annotations

from typing import NoReturn


class StaysInItsProcess:
    """Refuses to be pickled or copied, as sending it to another process would."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied, nor sent to another process: "
            "make one in each process"
        )

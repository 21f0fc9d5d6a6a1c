"""A reader that reads nothing: for workers in processes of their own, and for a stand-in of Ray."""

from __future__ import annotations

import os

from auheat.corpus.dispatch import Task
from auheat.corpus.records import Record
from auheat.errors import AuheatError


class EchoReader:
    """Says of every input that it is read; "die" ends its process at the first attempt.

    broken: what goes wrong when it is made, if anything does.
    """

    def __init__(self, broken: str = "") -> None:
        if broken == "known":
            raise AuheatError("no file at w.onnx")
        if broken:
            raise ValueError("no such matrix")

    def read(self, task: Task) -> Record:
        if task.source.address == "die" and task.attempt == 1:
            os._exit(7)
        return Record(task.source.address, "read", frames=task.attempt)

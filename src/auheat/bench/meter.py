"""Counts operations, bytes and allocations of tensor work instead of its seconds."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A context that sees every operator, also those of a backward pass inside it.

    operations: of matrix products and convolutions, a multiplication and an addition each.
    traffic: bytes that operators read and wrote, views not counted; a fused kernel would need less.
    largest: most elements of any tensor that an operator made, views not counted.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.traffic = self.largest = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            made = _tensors(result)
            self.largest = max([self.largest, *(tensor.numel() for tensor in made)])
            read = _tensors((args, list((kwargs or {}).values())))
            self.traffic += sum(
                tensor.nbytes for tensor in {id(t): t for t in (*read, *made)}.values()
            )
        if count := flop_registry.get(func._overloadpacket):
            self.operations += count(*args, **(kwargs or {}), out_val=result)
        return result


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in _tensors(item)]
    return []

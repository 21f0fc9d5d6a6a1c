"""neighbour_max on CUDA in one kernel: gather, maximum, and which neighbour it was.

Without it every neighbour is a pass over all maps; here each value is read once for each edge and
written once. The plain form in `auheat.models.scc` gives the same numbers and is what runs where
triton is missing. Works in float32 at most. Not yet run on a GPU, only in triton's interpreter: its
tests are skipped where there is none.

Letters: B batch, C channels, L pixels, k neighbours; a table has B * C rows of L.
"""

from __future__ import annotations

from typing import Any

import torch
import triton  # type: ignore[import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-not-found,unused-ignore]
from torch import Tensor

_BLOCK = 1024


@triton.jit  # type: ignore[untyped-decorator]
def _largest(  # type: ignore[no-untyped-def]
    values, rows, best, winner, length, k: tl.constexpr, block: tl.constexpr
):
    """best[r] = max_n values[rows[r, n]]; winner[r] = the row it came from, the first of equals."""
    row = tl.program_id(0).to(tl.int64)
    pixel = tl.program_id(1) * block + tl.arange(0, block)
    inside = pixel < length
    source = tl.load(rows + row * k)
    top = tl.load(values + source * length + pixel, mask=inside).to(tl.float32)
    came = tl.zeros([block], tl.int32) + source.to(tl.int32)
    for n in range(1, k):
        source = tl.load(rows + row * k + n)
        value = tl.load(values + source * length + pixel, mask=inside).to(tl.float32)
        better = value > top
        top = tl.where(better, value, top)
        came = tl.where(better, source.to(tl.int32), came)
    tl.store(best + row * length + pixel, top.to(best.dtype.element_ty), mask=inside)
    tl.store(winner + row * length + pixel, came, mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def _give_back(  # type: ignore[no-untyped-def]
    gradient, winner, result, length, block: tl.constexpr
):
    """result[winner[r, l], l] += gradient[r, l], in float32."""
    row = tl.program_id(0).to(tl.int64)
    pixel = tl.program_id(1) * block + tl.arange(0, block)
    inside = pixel < length
    value = tl.load(gradient + row * length + pixel, mask=inside).to(tl.float32)
    source = tl.load(winner + row * length + pixel, mask=inside, other=0).to(tl.int64)
    tl.atomic_add(result + source * length + pixel, value, mask=inside)


class TritonNeighbourMax(torch.autograd.Function):
    """out[r, l] = max over n of table[rows[r, n], l], where the table is values as (B * C, L).

    values: (B, C, L) on CUDA, contiguous; rows: (B * C, k), int64, contiguous. Gradients of one
    source are added in no fixed order, so their last bits vary.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor) -> Tensor:
        count, length = rows.shape[0], values.shape[2]
        best = torch.empty_like(values)
        winner = torch.empty(values.shape, dtype=torch.int32, device=values.device)
        grid = (count, triton.cdiv(length, _BLOCK))
        _largest[grid](values, rows, best, winner, length, rows.shape[1], _BLOCK)
        ctx.save_for_backward(winner)
        return best

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (winner,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        result = torch.zeros(winner.shape, dtype=torch.float32, device=winner.device)
        length = winner.shape[2]
        grid = (winner.numel() // length, triton.cdiv(length, _BLOCK))
        _give_back[grid](gradient, winner, result, length, _BLOCK)
        return result.to(gradient.dtype), None


def triton_neighbour_max(values: Tensor, rows: Tensor) -> Tensor:
    """The maximum over the rows of a table that `rows` names, see `TritonNeighbourMax`."""
    laid_out = (values.contiguous(), rows.contiguous())
    result: Tensor = TritonNeighbourMax.apply(*laid_out)  # type: ignore[no-untyped-call]
    return result

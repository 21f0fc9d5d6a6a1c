"""The Lightning module: targets, loss, and agreement on validation subjects.

Letters: B batch, N maps (one per AU point or per AU), A Action Units, h w map pixels.
"""

from __future__ import annotations

from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from auheat.data.dataset import Sample
from auheat.heatmap import Targets, layout_of
from auheat.metrics import Agreement, summary
from auheat.models.heatmap_model import HeatmapModel, Heatmaps
from auheat.models.heatmap_net import build_net
from auheat.models.scc import SemanticCorrespondenceConv
from auheat.training.average import WeightAverage
from auheat.training.experiment import Experiment, LossConfig, OptimConfig


def heatmap_loss(maps: Heatmaps, targets: Targets, config: LossConfig) -> Tensor:
    """Weighted squared error of intensity and location maps (B, N, h, w), see `LossConfig`.

    Intensity maps that are not coded do not count; location maps always do.
    """
    weight = 1 + config.foreground * targets.location
    coded = targets.coded[..., None, None]
    error = (weight * coded * (maps.intensity.float() - targets.intensity).square()).mean()
    if maps.location is not None and config.location:
        missed = (weight * (maps.location.float() - targets.location).square()).mean()
        error = error + config.location * missed
    if config.form == "sum":
        error = error * targets.intensity[0].numel()
    return error


def parameter_groups(net: HeatmapModel, optim: OptimConfig) -> list[dict[str, Any]]:
    """The weights by how they are trained.

    Filters decay; norms, biases and the matrices of SCC do not (decay would pull SCC away from the
    pass-through that it starts as). SCC's matrices and the last layer have their own factors on the
    learning rate.
    """
    matrices = {
        id(parameter)
        for layer in net.modules()
        if isinstance(layer, SemanticCorrespondenceConv)
        for parameter in (layer.phi, layer.omega)
        if parameter is not None
    }
    last = {id(parameter) for parameter in net.head.parameters()} if optim.head_rate != 1 else set()
    head_rate, own = optim.learning_rate * optim.head_rate, matrices | last
    scc = [p for p in net.parameters() if id(p) in matrices]
    filters = [p for p in net.parameters() if p.ndim > 1 and id(p) not in own]
    rest = [p for p in net.parameters() if p.ndim <= 1 and id(p) not in own]
    head = [p for p in net.head.parameters() if id(p) in last]
    groups = [
        {"params": filters, "weight_decay": optim.weight_decay},
        {"params": rest, "weight_decay": 0.0},
        {"params": scc, "weight_decay": 0.0, "lr": optim.learning_rate * optim.scc_rate},
        *(
            {
                "params": [p],
                "weight_decay": optim.weight_decay if p.ndim > 1 else 0.0,
                "lr": head_rate,
            }
            for p in head
        ),
    ]
    return [group for group in groups if group["params"]]


class HeatmapModule(lightning.LightningModule):
    """Trains a network. `val/icc` and `val/mae` are means over AUs on held-out subjects.

    Attributes:
        experiment: The settings.
        net: What is trained.
        average: The moving average of its weights, if the settings want one.
    """

    def __init__(self, experiment: Experiment, steps: int) -> None:
        super().__init__()
        self.experiment, self._steps = experiment, steps
        self.net: HeatmapModel = build_net(experiment.model)
        decay = experiment.optim.average
        self.average = WeightAverage(self.net, decay) if decay else None
        self._aus = experiment.model.aus
        self._layout = layout_of(experiment.model)
        self._agreement = Agreement.empty(len(self._aus))

    @property
    def measured(self) -> HeatmapModel:
        """What is measured and kept: the average where there is one."""
        return self.net if self.average is None else self.average.net

    def training_step(self, batch: Sample, batch_index: int) -> Tensor:
        targets = self._layout.targets(batch["points"], batch["intensities"])
        images = batch["image"].float().contiguous(memory_format=torch.channels_last)
        loss = heatmap_loss(self.net(images, batch.get("geometry")), targets, self.experiment.loss)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        # Lightning's own clipping refuses fused optimisers, which bf16 would not need it to.
        if limit := self.experiment.optim.clip_gradients:
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), limit)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update(self.net)

    def on_validation_epoch_start(self) -> None:
        self._agreement = Agreement.empty(len(self._aus))

    def validation_step(self, batch: Sample, batch_index: int) -> None:
        images = batch["image"].float().contiguous(memory_format=torch.channels_last)
        maps = self.measured(images, batch.get("geometry"))
        predicted = self._layout.read(maps.intensity.float().cpu().numpy())
        self._agreement += Agreement.of(predicted, batch["intensities"].cpu().numpy())

    def on_validation_epoch_end(self) -> None:
        agreement = self._gathered()
        table = summary(agreement, self._aus)
        for au, row in table.items():
            name = "val" if au == "mean" else f"val_{au}"
            self.log(f"{name}/icc", row["icc"], prog_bar=au == "mean", sync_dist=True)
            self.log(f"{name}/mae", row["mae"], prog_bar=au == "mean", sync_dist=True)

    def _gathered(self) -> Agreement:
        """The agreement over all processes."""
        if self.trainer.world_size == 1:
            return self._agreement
        parts: list[Agreement | None] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(parts, self._agreement)
        return sum((p for p in parts if p is not None), Agreement.empty(len(self._aus)))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optim = self.experiment.optim
        kind = torch.optim.AdamW if optim.optimiser == "adamw" else torch.optim.Adam
        fused = self.device.type in ("cpu", "cuda")
        optimiser = kind(
            parameter_groups(self.net, optim),
            lr=optim.learning_rate,
            eps=optim.epsilon,
            fused=fused,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """Factor on the learning rate."""
        optim, done = self.experiment.optim, step / max(self._steps, 1)
        if optim.schedule == "step":
            return 0.1 if done >= optim.milestone else 1.0
        warm = 0.03
        if done < warm:
            return min((done + 1 / max(self._steps, 1)) / warm, 1.0)
        progress = min((done - warm) / (1 - warm), 1.0)
        return 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * progress))))

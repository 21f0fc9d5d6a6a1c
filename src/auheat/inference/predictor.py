"""The predictor that users hold: images, videos and cameras, with stored weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from auheat.arrays import AnyImage
from auheat.errors import (
    AuheatError,
    check_callable,
    check_choice,
    check_count,
    check_flag,
    check_text,
    checked_path,
    listed,
)
from auheat.faces import DEFAULT_MAX_FACES
from auheat.faces.detector import default_detector
from auheat.facs import action_units
from auheat.inference.face_predictor import FacePredictor
from auheat.inference.uncertainty import load_uncertainty
from auheat.inference.unpicklable import StaysInItsProcess
from auheat.media.limits import DEFAULT_FPS
from auheat.models.runtimes.names import (
    MAX_BATCH,
    MAX_THREADS,
    PrecisionChoice,
    RuntimeChoice,
)
from auheat.models.runtimes.opening import file_of, open_runtime
from auheat.progress import Progress, silent
from auheat.tables.names import BLINK, CLOSURE

if TYPE_CHECKING:
    from auheat.inference.calibration import Baseline
    from auheat.inference.live import LiveTracker
    from auheat.inference.video import VideoPrediction


class Predictor(StaysInItsProcess, FacePredictor):
    """Reads Action Units in images, videos and the frames of a camera. `auheat.load` makes one.

    The same image gives the same numbers every time, on one machine. With ONNX Runtime they are the
    same to the last bit whatever the settings. With OpenVINO the number of faces that go through
    the network together, and with torch that and the number of threads (a fork has one), move
    intensities in fp32 by up to 2e-6. Several threads may use one predictor. It cannot be pickled:
    each process makes its own.

    Attributes:
        aus: The AUs that it reports, in order.
        device: Where the network runs, as torch names it.
        has_std: Whether predictions come with standard deviations.
    """

    @property
    def card(self) -> Mapping[str, Any]:
        """What is known of the weights: settings, training data, how well they do; may be empty."""
        return self.runtime.card

    def predict_video(
        self,
        source: str | Path | Iterable[AnyImage],
        *,
        baseline: int | str | Path | Baseline | None = None,
        smooth: bool = False,
        fps: float = DEFAULT_FPS,
        overlay: str | Path | None = None,
        progress: Progress = silent,
    ) -> VideoPrediction:
        """A video, read lazily and in constant memory.

        Nothing is decoded before the result is iterated over, saved or asked for its table. It is
        decoded once, whatever of these is asked for and in which order, as results are kept in a
        temporary file without heatmaps. Only what needs pixels or heatmaps again decodes anew:
        iterating a second time, `save_overlay` after the video was read, and any iteration or
        overlay with `smooth` or the baseline "auto", which need the whole video before the first
        result.

        Args:
            source: Path of a video, of a folder whose images are its frames, or the frames
                themselves, (H, W, 3) RGB uint8 of one size.
            baseline: The face at rest that intensities count from: the number of a frame in which
                it is seen, "auto" to find it in the video, the path of an image or of a saved
                baseline.
            smooth: Take the jitter out of the curves, see `auheat.inference.smoothing`.
            fps: Frames per second of a folder of images or of frames, 30 unless given.
            overlay: Where to write the annotated video while the frames pass.
            progress: Shows every pass through the video: called with what is done, how many frames
                there are (or None) and `unit`, it gives a context manager whose value is called
                with the number of frames that are done since.

        Returns:
            What gives results, tables and an annotated video once it is asked for them.

        Raises:
            AuheatError: If the video or what is named as baseline cannot be used, or the overlay
                would replace one of them.
        """
        from auheat.inference.baselines import resolve_baseline
        from auheat.inference.postprocess import PostProcessing
        from auheat.inference.sources import open_source
        from auheat.inference.video import VideoPrediction

        check_flag("smooth", smooth)
        check_callable("progress", progress)
        processing = PostProcessing(resolve_baseline(baseline, self), smooth)
        frames = open_source(source, fps)
        return VideoPrediction(
            frames, self, processing=processing, overlay=overlay, progress=progress
        )

    def tracker(self, *, baseline: str | Path | Baseline | None = None) -> LiveTracker:
        """Follows the people in front of a camera: `update` it with every image.

        Args:
            baseline: The face at rest that intensities count from: the path of an image of the
                person or of a saved baseline.

        Returns:
            A tracker that has seen no image yet.

        Raises:
            AuheatError: If the baseline cannot be used.
        """
        from auheat.inference.live import LiveTracker

        return LiveTracker(self, baseline=baseline)


def load(
    weights: str | Path = "default",
    device: str = "auto",
    *,
    aus: Sequence[str] | None = None,
    max_faces: int = DEFAULT_MAX_FACES,
    runtime: RuntimeChoice = "auto",
    precision: PrecisionChoice = "auto",
    threads: int | None = None,
    batch: int | None = None,
    exact_landmarks: bool = False,
) -> Predictor:
    """A predictor with stored weights and the default face detector.

    Args:
        weights: "default" for those that come with auheat, or the path of a .safetensors file or of
            an .onnx file that `auheat export` wrote.
        device: A torch device by name; "auto" is the CPU for "default" weights and .onnx files, and
            for a .safetensors file CUDA if there is any, else the CPU.
        aus: Which of the network's AUs to report, like ["AU06", "AU12"]; all by default. The blink
            AU45 stands for AU43, of which it is a short one: tables have columns for both.
        max_faces: How many faces an image may hold at most, 5 unless given; the largest are kept.
        runtime: "torch" for .safetensors weights, "onnx" or "openvino" for an exported file; "auto"
            takes torch or ONNX Runtime, as goes with the file. "default" weights are there as both
            and take any of the three; "auto" is ONNX Runtime for them, and torch only where
            `device` names another than the CPU or `precision` is "bf16".
        precision: "fp32"; or "bf16", faster on a processor that has it, which moved intensities by
            some hundredths (0.055 at most over images of real people). "auto" is fp32 on ONNX
            Runtime, on torch bf16 where the device computes in it, and on OpenVINO what the file
            was exported in.
        threads: CPU threads of the network. Left to the runtime if None, which takes all
            processors, and torch as many as it was told in this process: best for images. On torch
            readings depend on them in the last bits (2e-6). For videos `auheat
            predict` gives one less than there are, as finding faces keeps one busy; so should you
            where speed counts.
        batch: Faces that go through the network together at most.
        exact_landmarks: With irises, and exact lips and lids, from a second mesh: some milliseconds
            more for each face. Readings stay the same.

    Returns:
        What reads images, videos and cameras with these weights.

    Raises:
        AuheatError: If the weights cannot be read or do not go with the runtime, for an AU that
            they do not read, and for an argument that makes no sense.
    """
    checked_path("weights", weights)
    check_choice("runtime", runtime, get_args(RuntimeChoice))
    check_choice("precision", precision, get_args(PrecisionChoice))
    check_count("max_faces", max_faces)
    check_text("device", device)
    check_count("threads", threads, maximum=MAX_THREADS, optional=True)
    check_count("batch", batch, maximum=MAX_BATCH, optional=True)
    check_flag("exact_landmarks", exact_landmarks)
    if aus is not None:
        aus = [unit.name for unit in action_units(_with_closures(aus), beside=[BLINK])]
    path = file_of(weights, runtime=runtime, device=device, precision=precision)
    network = open_runtime(
        path, runtime=runtime, device=device, precision=precision, threads=threads
    )
    exact = {"attention": True} if exact_landmarks else {}
    predictor = Predictor(
        network,
        default_detector(max_faces, **exact),
        aus=aus,
        batch=batch,
        uncertainty=load_uncertainty(weights, network.config.aus),
    )
    predictor.weights, predictor.max_faces = path, max_faces
    return predictor


def _with_closures(aus: Sequence[str]) -> Sequence[str]:
    """The AUs with the closed eyes of a blink in place of it, where they are not named as well."""
    names = listed(aus)
    if names is None:
        return aus
    if names.count(BLINK) > 1:
        raise AuheatError(f"Action Unit {BLINK!r} is listed twice: name each one once")
    both = CLOSURE in names
    return [CLOSURE if au == BLINK else au for au in names if au != BLINK or not both]

"""Makes the weights and the network that auheat ships out of a finished run and its result file.

    python scripts/ship_weights.py [RUN] [--training WORDS] [-o FILE]

RUN is a run's folder that `auheat evaluate` has measured. The file, that of the default weights
unless another is named, holds the filters as float16 and a card: settings, what the weights were
trained on in WORDS (over all stages; settings are those of the last run alone), what they were
measured on with the figures, and what they are not for. Beside it comes the same network for ONNX
Runtime, as `auheat export` makes it, but for the numbers, which it takes from the first file.
Without RUN the weights stay, and the network is made anew. Then run scripts/fit_uncertainty.py and
scripts/measure_errors.py (for other weights) and scripts/make_self_test.py.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from auheat.evaluation.report import read_report
from auheat.export.exporting import export
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.sums import SUMS, write_sums
from auheat.training.run_folder import BEST

LIMITS = (
    "Trained and measured on rendered faces alone: figures are synthetic, never DISFA or BP4D. "
    "Not a FACS coder's verdict, not a measure of emotion, not for decisions about people. "
    "See docs/model-card.md."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument(
        "--training", default="", help='like "rendered faces: 1000 images of 250 people, in stages"'
    )
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("src/auheat/weights/default.safetensors")
    )
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    # Elsewhere first: in the package a file whose sum is not there is a fault.
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / options.out.name
        if options.run:
            write_weights(options.run, weights, options.training)
        else:
            shutil.copy(options.out, weights)
        network = weights.with_suffix(".onnx")
        export(weights, network, share=True)
        write_sums([weights, network])
        for path in (weights, network, weights.with_name(SUMS)):
            shutil.copyfile(path, options.out.with_name(path.name))
            print(f"{options.out.with_name(path.name)}: {path.stat().st_size / 2**20:.1f} MB")


def write_weights(run: Path, out: Path, training: str = "") -> None:
    """Writes the weights of a finished run with their card.

    Args:
        run: Its folder.
        out: The file.
        training: What the weights were trained on; "" leaves what the run's card says of it.
    """
    checkpoint = load_checkpoint(run / BEST)
    report = read_report(run / "result-test.json")
    card = (
        dict(checkpoint.card)
        | ({"training": training} if training else {})
        | {
            "licence": "Apache-2.0",
            "data": dict(report.data),
            "test": {
                "subjects": report.subjects,
                "images": report.images,
                **report.metrics["mean"],
            },
            "limits": LIMITS,
        }
    )
    save_checkpoint(out, checkpoint.net, checkpoint.config, card=card, half=True)


if __name__ == "__main__":
    main()

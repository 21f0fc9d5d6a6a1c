"""Makes the face of `auheat doctor`, and what the default network reads in it.

    python scripts/make_self_test.py

To be run whenever the default network changes.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
from PIL import Image

from auheat.doctor import self_test
from auheat.files import atomic_write
from auheat.inference.predictor import load
from auheat.media.frames import VideoFile
from auheat.models.weights import default_network
from auheat.sums import sha256

CLIP, FRAME, SIZE = Path("examples/smiles.mp4"), 41, (320, 240)


def main() -> None:
    face, expected = (self_test.folder() / name for name in (self_test.FACE, self_test.EXPECTED))
    shown = next(frame.image for frame in VideoFile(CLIP) if frame.number == FRAME)
    with atomic_write(face) as temporary:
        small = cv2.resize(shown, SIZE, interpolation=cv2.INTER_AREA)
        Image.fromarray(small).save(temporary, "JPEG", quality=88)
    predictor = load(precision="fp32")
    (found,) = predictor.predict(face)
    stored = {
        "network": sha256(default_network()),
        "intensities": {au: round(level, 3) for au, level in found.intensities.items()},
    }
    with atomic_write(expected) as temporary:
        temporary.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    print(f"{face}: {face.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()

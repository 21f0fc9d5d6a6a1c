"""What a user may ask of a dataset that is made, by name; light enough for `--help`."""

from __future__ import annotations

from typing import Literal

# Whose landmarks a real dataset is aligned by: its own, or those of a detector.
LandmarkSource = Literal["own", "mediapipe", "dlib"]
# Which of DISFA's two.
Camera = Literal["left", "right"]
# Test suites of rendered faces.
Suite = Literal["ood"]

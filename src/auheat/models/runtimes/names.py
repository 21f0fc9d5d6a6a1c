"""The names of runtimes and precisions, as a user gives them; light enough for `--help`."""

from __future__ import annotations

from typing import Literal

RuntimeName = Literal["torch", "onnx", "openvino"]
RuntimeChoice = Literal["auto", "torch", "onnx", "openvino"]
Precision = Literal["fp32", "bf16"]
PrecisionChoice = Literal["auto", "fp32", "bf16"]
# More than any machine has; runtimes fail in ways of their own where a number is absurd.
MAX_THREADS = 1024
# Faces that go through a network together at most.
MAX_BATCH = 1024

"""Detecting faces in frames, tracking them through video, and the aligned crop."""

# Faces that are read of an image unless another number is asked for; the largest are.
DEFAULT_MAX_FACES = 5

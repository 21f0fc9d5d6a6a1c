"""Detecting faces in frames, tracking them through video, and the aligned crop."""

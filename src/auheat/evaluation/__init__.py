"""Measuring trained networks on held-out subjects, and the files that hold what was measured."""

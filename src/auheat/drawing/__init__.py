"""Annotated images: boxes, landmarks, heatmaps, and the panel of intensities."""

"""Labelled images on disk, and how training reads them."""

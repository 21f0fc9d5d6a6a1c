"""Labelled pictures on disk, and how training reads them."""

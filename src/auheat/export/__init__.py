"""Trained networks as files for other runtimes, checked against PyTorch before they are kept."""

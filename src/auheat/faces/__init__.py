"""Finding faces in frames, following them through video, and cutting the aligned crop."""

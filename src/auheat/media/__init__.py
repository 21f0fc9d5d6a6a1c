"""Image and video files: read into RGB frames, and written from them."""

"""auheat reads facial Action Unit intensities (FACS, 0 to 5) from images and video."""

__version__ = "0.1.0"

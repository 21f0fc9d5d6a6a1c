"""Synthetic faces with exact Action Unit labels: a parametric face, its expressions, a renderer.

From the bottom up: `assets` reads the geometry, `face` deforms it, `anatomy` says what each AU does
to it, `expression` samples AUs, `identity` and its parts (`skin`, `wrinkles`, `hair`, `eyes`,
`glasses`) sample a person, `scene` the light, view and background, `raster` and `shading` draw,
`render` joins them, `motion` makes curves for video. Nothing outside this folder needs the assets.
"""

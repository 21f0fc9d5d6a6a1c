"""Synthetic faces laid out on disk exactly as real datasets are.

They try out everything between a dataset and a result without the dataset. `CASTS` names the
layouts, `film` gives every frame with its truth.
"""

from auheat.data.lookalikes.cast import CASTS
from auheat.data.lookalikes.filming import LookalikePlan, Take, film
from auheat.data.lookalikes.write import MARK, write_lookalike

__all__ = ["CASTS", "MARK", "LookalikePlan", "Take", "film", "write_lookalike"]

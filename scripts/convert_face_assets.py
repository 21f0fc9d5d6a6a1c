"""Makes the face assets for `auheat synth` from a clone of the ICT-FaceKit repository.

python scripts/convert_face_assets.py CHECKOUT -o ASSETS
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from auheat.errors import AuheatError
from auheat.synthesis.convert import convert


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path, help="the clone")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder to make")
    options = parser.parse_args()
    try:
        path = convert(
            options.checkout, options.out, lambda paths: tqdm(paths, "read", disable=None)
        )
    except AuheatError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"face assets: {path}")


if __name__ == "__main__":
    main()

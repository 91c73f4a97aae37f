# SPDX-License-Identifier: MIT
"""Copies the stubs of gc, os and time of the board into a folder: python -m pimem_stubs FOLDER"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from pimem_stubs import BOARD


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pimem_stubs", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("typings"), help="default: typings"
    )
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for stub in sorted(BOARD.glob("*.pyi")):
        print(shutil.copy(stub, folder))


if __name__ == "__main__":
    main()

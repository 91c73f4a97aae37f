# SPDX-License-Identifier: MIT
"""Where the stubs of those modules are that differ from CPython's modules of the same name.

`python -m pimem_stubs` prints the folder, for the settings of a type checker (docs/editors.md).
"""

from pathlib import Path

#: gc.pyi, os.pyi, time.pyi. They are not packages: else they would hold for host programs too.
BOARD = Path(__file__).parent / "board"

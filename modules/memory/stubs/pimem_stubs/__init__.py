# SPDX-License-Identifier: MIT
"""The stubs of those modules that differ from CPython's modules of the same name.

They are not installed as packages, because then they would apply to host programs too.
`python -m pimem_stubs` copies them into a project for the board (docs/editors.md).
"""

from pathlib import Path

#: The folder with gc.pyi, os.pyi and time.pyi.
BOARD = Path(__file__).parent / "board"

# SPDX-License-Identifier: MIT
"""Host tools of pimem: set-up, emulator, serial link, runner.

Importing the package costs nothing and needs the standard library only, because set-up
runs from it before anything else is installed. `pimem.ROOT` and the folders below it are looked
up when they are first used: a command that needs no source tree works without one.
"""

import os
from pathlib import Path

#: The only place of the version: packages, banner, report() and cards take it from here.
__version__ = "0.1.0"

#: Names the source tree where the package is not inside it.
VARIABLE = "PIMEM_ROOT"

#: Top of the source tree.
ROOT: Path
#: Everything that is made, as opposed to written, is below here.
BUILD: Path
#: What set-up fetched.
DEPS: Path


def is_tree(folder: Path) -> bool:
    """Return whether the folder is the top of a source tree of pimem."""
    return (folder / "tools" / "pimem").is_dir() and (folder / "boards").is_dir()


def find_root() -> Path | None:
    """Return the source tree: $PIMEM_ROOT, else that of the package, else the current one."""
    named = os.environ.get(VARIABLE)
    if named:
        folder = Path(named).resolve()
        return folder if is_tree(folder) else None
    package, here = Path(__file__).resolve(), Path.cwd()
    candidates = (package.parents[2], here, *here.parents)
    return next((folder for folder in candidates if is_tree(folder)), None)


def no_root() -> str:
    """Return what the user reads where there is no source tree."""
    named = os.environ.get(VARIABLE)
    if named:
        return f"{VARIABLE}={named} is no source tree of pimem: it has no boards/ and tools/pimem/"
    return f"no source tree of pimem here: set {VARIABLE} to a clone, or run inside one"


def __getattr__(name: str) -> Path:
    """Look up ROOT, BUILD and DEPS; a Refusal where there is no source tree."""
    below = {"ROOT": ".", "BUILD": "build", "DEPS": "build/deps"}
    if name not in below:
        raise AttributeError(f"module 'pimem' has no attribute '{name}'")
    root = find_root()
    if root is None:
        from pimem.exits import Refusal

        raise Refusal(no_root())
    return root / below[name]

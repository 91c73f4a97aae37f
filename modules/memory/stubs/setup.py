# SPDX-License-Identifier: MIT
"""The version of the stubs is that of the tools, which stands in tools/pimem/__init__.py alone."""

import re
from pathlib import Path

from setuptools import setup

PLACE = Path("tools", "pimem", "__init__.py")


def version() -> str:
    """Read the version in the source tree that this folder is in; a copy elsewhere has none."""
    for folder in Path(__file__).resolve().parents:
        if (folder / PLACE).is_file():
            found = re.search(r'^__version__ = "(.+)"$', (folder / PLACE).read_text(), re.M)
            if found:
                return found[1]
    return "0+unknown"


setup(version=version())

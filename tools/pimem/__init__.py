# SPDX-License-Identifier: MIT
"""Host tools of the port: set-up, emulator, serial link, runner.

Importing the package costs nothing and needs the standard library only, because set-up
runs from it before anything else is installed.
"""

from pathlib import Path

__version__ = "0.1.0"

#: Top of the source tree these tools belong to.
ROOT = Path(__file__).resolve().parents[2]
#: Everything that is made, as opposed to written, is below here.
BUILD = ROOT / "build"

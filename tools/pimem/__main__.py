# SPDX-License-Identifier: MIT
# PYTHON_ARGCOMPLETE_OK
"""python -m pimem COMMAND."""

import sys

from pimem.cli import main

if __name__ == "__main__":
    sys.exit(main())

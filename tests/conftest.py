# SPDX-License-Identifier: MIT
"""Settings common to all tests."""

import os

# The test command preloads the address sanitiser's run-time for the sanitised host libraries.
# It is in this process by now; compilers, emulators and tools started from here must not get it.
os.environ.pop("LD_PRELOAD", None)

# SPDX-License-Identifier: MIT
"""One module for each command of the command line."""

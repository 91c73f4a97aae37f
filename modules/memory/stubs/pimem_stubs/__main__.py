# SPDX-License-Identifier: MIT
"""Prints the folder with the stubs of gc, os and time."""

from pimem_stubs import BOARD

print(BOARD)

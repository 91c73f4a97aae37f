# SPDX-License-Identifier: MIT
"""A board and the line to it: emulator, serial link, scripts, symbols."""

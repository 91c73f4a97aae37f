# SPDX-License-Identifier: MIT
"""The SD card: its image, and writing it to a device."""

# SPDX-License-Identifier: MIT
# The image that serves Raspberry Pi 3 and 4: the SoC is found at boot.
BUILD_NAME = RPI

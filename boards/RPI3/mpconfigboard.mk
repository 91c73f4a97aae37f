# SPDX-License-Identifier: MIT
# No settings of its own: the boards of one image are built from the same ones.

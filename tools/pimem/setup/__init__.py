# SPDX-License-Identifier: MIT
"""What building and running need: packages, sources, the virtual environment."""

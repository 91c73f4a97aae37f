# SPDX-License-Identifier: MIT
"""A board's first start, step by step: what `pimem bringup` does."""

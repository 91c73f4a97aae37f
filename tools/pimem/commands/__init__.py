# SPDX-License-Identifier: MIT
"""One module for each command of the command line; pimem.cli says what each has."""

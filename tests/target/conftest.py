# SPDX-License-Identifier: MIT
"""The target tests: the same scripts on every emulated board, or on a real one.

pytest tests/target                               every board in QEMU
pytest tests/target --board RPI4                  one of them
pytest tests/target --board RPI4 --port /dev/...  a real one

The fixtures are those of the plugin pimem.testing.
"""

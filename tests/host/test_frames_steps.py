# SPDX-License-Identifier: MIT
"""Many random steps of the frame allocator beside a byte map, in C."""

import ctypes
import os

import host_library
import pytest
from frames_lib import SOURCES

#: 30,000,000 in `make test-long`.
STEPS = int(os.environ.get("FRAMES_STEPS", "60000"))
SEEDS = 3


@pytest.mark.timeout(60 + STEPS // 1000)
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_every_step_agrees_with_a_byte_map(seed: int) -> None:
    steps = host_library.build("frames_steps", [*SOURCES, "frames_steps.c"]).frames_steps
    steps.argtypes = [ctypes.c_uint64, ctypes.c_size_t]
    steps.restype = ctypes.c_size_t
    assert steps(seed, STEPS // SEEDS) == STEPS // SEEDS

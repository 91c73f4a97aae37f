# SPDX-License-Identifier: MIT
"""Settings of the host tests: the mechanism in a shared library, driven through ctypes."""

from pathlib import Path

import host_library
import pytest
from frames_lib import VIRT_128MIB, Frames
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

# No deadline: on a shared machine a slow example says nothing about the code.
# Failing examples are kept in the build folder and tried first the next time.
settings.register_profile(
    "mechanism",
    deadline=None,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(host_library.BUILD / "hypothesis"),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("mechanism")


# What a fake refuses it refuses in a callback from C, whose exceptions Python only tells of.
REFUSALS = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(REFUSALS)


@pytest.fixture
def virt() -> Frames:
    """A frame allocator with the RAM of QEMU_VIRT, all of it free."""
    return Frames(VIRT_128MIB)

# SPDX-License-Identifier: MIT
"""Another AArch64 port can take modules/memory as a user C module: tests/stub_port, which answers
port.h by a fake, is compiled through micropython.mk and linked."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from pimem import ROOT
from pimem.setup.sources import micropython

STUB_PORT = ROOT / "tests" / "stub_port"
BUILD = ROOT / "build" / "stub_port"
BUILD_SECONDS = 300


def build() -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(STUB_PORT), f"-j{os.cpu_count() or 1}"]
    prefix = os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-"
    command += [f"MICROPYTHON_DIR={micropython()}", f"CROSS_COMPILE={prefix}", f"BUILD={BUILD}"]
    command += [f"PYTHON={sys.executable}"]
    clean = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    clean.pop("LD_PRELOAD", None)
    return subprocess.run(
        command, env=clean, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )


@pytest.mark.skipif(not micropython().is_dir(), reason="MicroPython's source is not here")
def test_a_port_with_nothing_but_port_h_links_the_module() -> None:
    built = build()
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    linked = (BUILD / "stub.elf.map").read_text()
    sources = sorted((ROOT / "modules" / "memory").rglob("*.c"))
    for source in sources:
        of_module = source.relative_to(ROOT / "modules").with_suffix(".o")
        assert f"{of_module}\n" in linked, f"{of_module} is not linked"
    dependencies = [path.read_text() for path in BUILD.rglob("*.P")]
    assert len(dependencies) > len(sources)
    used = {name for text in dependencies for name in re.findall(r"\S+\.h", text)}
    assert any(name.endswith("modules/memory/port.h") for name in used)
    assert [name for name in used if "rpi-aarch64" in name] == []

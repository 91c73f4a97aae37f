# SPDX-License-Identifier: MIT
"""`pimem hwcheck` refuses files that cannot be a kernel, before it starts QEMU."""

from pathlib import Path

import pytest

from pimem.commands.hwcheck import require_code
from pimem.exits import Refusal


@pytest.mark.parametrize(("content", "why"), [(b"", "is empty"), (b"# pimem\n", "is text")])
def test_a_file_without_code_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    image = tmp_path / "kernel8.img"
    image.write_bytes(content)
    with pytest.raises(Refusal, match=f"kernel8.img {why}"):
        require_code(image)


def test_a_small_raw_image_is_accepted(tmp_path: Path) -> None:
    image = tmp_path / "kernel8.img"
    image.write_bytes(bytes.fromhex("5f2003d5ffffff17"))  # wfe; b .-4
    require_code(image)

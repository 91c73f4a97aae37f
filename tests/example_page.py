# SPDX-License-Identifier: MIT
"""docs/examples.md: the section of each example, and what it says that the example prints."""

from __future__ import annotations

import re

from pimem import ROOT

PAGE = ROOT / "docs" / "examples.md"


def section(example: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f"\n## {example}\n")[2].partition("\n## ")[0]


def shown(example: str) -> str:
    """Return the one block of text in the section of an example."""
    (text,) = re.findall(r"^```text\n(.*?)^```$", section(example), re.MULTILINE | re.DOTALL)
    return str(text)

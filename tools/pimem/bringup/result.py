# SPDX-License-Identifier: MIT
"""The one file to send back: what was tried on a board, and what came of it, as JSON."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pimem import __version__
from pimem.exits import Refusal

FORMAT = 1  # of the file
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Step:
    """One thing tried: what had to come, what came, and what that means."""

    name: str
    expected: str
    status: str = SKIPPED
    printed: str = ""
    meaning: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Result:
    """The file. It is written anew after each step: an interrupted run leaves what it found."""

    def __init__(self, path: Path, *, board: str, port: str | None, kernel: Path) -> None:
        self.path = path
        self.steps: list[Step] = []
        self.transcript = ""
        self._about = {
            "format": FORMAT,
            "pimem": __version__,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": platform.platform(),
            "board": board,
            "emulated": port is None,
            "port": port,
            "image": kernel.name,
            "image_sha256": hashlib.sha256(kernel.read_bytes()).hexdigest(),
        }
        self.save()

    @property
    def failed(self) -> list[str]:
        return [step.name for step in self.steps if step.status == FAILED]

    def add(self, step: Step) -> None:
        self.steps.append(step)
        self.save()

    def save(self) -> None:
        content = {
            **self._about,
            "steps": [asdict(step) for step in self.steps],
            "transcript": self.transcript,
        }
        try:
            self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        except OSError as exc:
            raise Refusal(f"cannot write {self.path}: {exc.strerror}") from exc

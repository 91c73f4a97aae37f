# SPDX-License-Identifier: MIT
"""The format of the C files: what MicroPython's formatter makes of them.

`python -m pimem.dev.c_format` shows what would change and exits with 1 if anything would;
--fix changes the files. The rules are those of the MicroPython source in use: uncrustify (of the
PyPI package micropython-uncrustify) with its configuration, then its own correction of the
indentation of preprocessor lines.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pimem import ROOT
from pimem.setup.sources import micropython

FOLDERS = ("boards", "modules", "ports", "tests", "tools")
SUFFIXES = (".c", ".h")
# Headers with a language of their own.
EXCLUDED = {
    "ports/rpi-aarch64/aarch64/asm.h": "macros of the assembler",
    "ports/rpi-aarch64/guard/lib/oofatfs/ff.c": "a macro with the halves of two expressions",
}


def uncrustify() -> str:
    """Return the program beside this Python, or the one on PATH."""
    beside = Path(sys.executable).with_name("uncrustify")
    return str(beside) if beside.is_file() else shutil.which("uncrustify") or "uncrustify"


def correction() -> Callable[[str], None]:
    """Return the part of MicroPython's tools/codeformat.py that follows uncrustify."""
    path = micropython() / "tools" / "codeformat.py"
    spec = importlib.util.spec_from_file_location("codeformat", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    correct: Callable[[str], None] = module.fixup_c
    return correct


def c_files(root: Path = ROOT) -> list[Path]:
    found = (path for folder in FOLDERS for path in (root / folder).rglob("*"))
    return sorted(path for path in found if path.suffix in SUFFIXES)


def is_excluded(path: Path) -> bool:
    return path.resolve().is_relative_to(ROOT) and (
        path.resolve().relative_to(ROOT).as_posix() in EXCLUDED
    )


def formatted(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the text that each file should have."""
    settings = micropython() / "tools" / "uncrustify.cfg"
    if not settings.is_file():
        raise FileNotFoundError(settings)
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder) / f"{i}{path.suffix}" for i, path in enumerate(paths)]
        for path, copy in zip(paths, copies, strict=True):
            shutil.copyfile(path, copy)
        command = [uncrustify(), "-q", "-c", str(settings), "-l", "C", "--no-backup"]
        subprocess.run([*command, *map(str, copies)], check=True, stdin=subprocess.DEVNULL)
        correct = correction()
        for copy in copies:
            correct(str(copy))
        texts = [copy.read_text(encoding="utf-8") for copy in copies]
    return dict(zip(paths, texts, strict=True))


def difference(path: Path, wanted: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    name = os.path.relpath(path)
    return "".join(difflib.unified_diff(lines, wanted.splitlines(keepends=True), name, name, n=1))


def check(paths: Sequence[Path], *, fix: bool) -> int:
    """Show or make the changes; return the number of files that needed some."""
    changes = {
        path: text
        for path, text in formatted(paths).items()
        if path.read_text(encoding="utf-8") != text
    }
    for path, text in changes.items():
        print(difference(path, text), end="")
        if fix:
            path.write_text(text, encoding="utf-8")
    return len(changes)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.c_format", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="change the files")
    parser.add_argument("files", nargs="*", type=Path, help="only these (default: all)")
    args = parser.parse_args(argv)
    paths = [path for path in args.files or c_files() if not is_excluded(path)]
    try:
        wrong = check(paths, fix=args.fix) if paths else 0
    except (OSError, subprocess.CalledProcessError) as exc:
        print(f"c_format: error: {exc} (`make setup` installs what is missing)", file=sys.stderr)
        return 2
    print(f"{wrong} of {len(paths)} C files {'changed' if args.fix else 'to be reformatted'}")
    return int(wrong > 0 and not args.fix)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""A user's script on a board, as `python script.py` would run it: arguments, traceback, exit code.

The raw REPL throws the value of SystemExit away. So a function on the board runs the script, in
the same globals and under the same file name, and hands the value over as an exception of its own;
its frames are taken out of tracebacks here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from pimem.board.errors import ScriptError
from pimem.board.line import Sink
from pimem.board.link import Link
from pimem.exits import FAILED, OK, CommandError, Refusal

SET_ARGV = "__import__('sys').argv[:] = {}"
RUNNER = """\
def _pimem_run():
    del globals()["_pimem_run"]
    try:
        exec(compile({source}, "<stdin>", "exec"), globals())
    except SystemExit as e:
        raise type("PimemExit", (Exception,), {{}})(repr(e.args[0] if e.args else None))
_pimem_run()
"""
RUNNER_FRAMES = re.compile(
    r'  File "<stdin>", line \d+, in <module>\n  File "<stdin>", line \d+, in _pimem_run\n'
)
EXIT = re.compile(r"^(?:\S+\.)?PimemExit: (.*)\Z", re.MULTILINE | re.DOTALL)


class ScriptExit(CommandError):
    """The script ended by SystemExit: `code` for the shell, `text` for stderr."""

    def __init__(self, value: object) -> None:
        """Take the value as CPython does: None is success, a number the code, others are shown."""
        super().__init__(value)
        number = value if isinstance(value, int) else FAILED
        self.code = OK if value is None else number & 0xFF
        self.text = "" if value is None or isinstance(value, int) else f"{value}\n"

    def details(self) -> str:
        return self.text

    def message(self) -> str:
        return ""


def wrap(script: bytes) -> bytes:
    try:
        text = script.decode()
    except UnicodeDecodeError as exc:
        raise Refusal(f"the script is not UTF-8: {exc}") from exc
    return RUNNER.format(source=ascii(text)).encode()


def outcome(error: ScriptError) -> Exception:
    """Return what ended the script: ScriptExit, or its exception with a traceback of its own."""
    found = EXIT.search(error.traceback.rstrip())
    if not found:
        return ScriptError(RUNNER_FRAMES.sub("", error.traceback, count=1), error.output)
    try:
        return ScriptExit(ast.literal_eval(found[1]))
    except (ValueError, SyntaxError):
        return ScriptExit(found[1])


def execute(link: Link, script: bytes, argv: Sequence[str], sink: Sink) -> None:
    """Run a script in the raw REPL; ScriptError or ScriptExit unless it comes to its end."""
    code = wrap(script)
    if argv:
        link.run(SET_ARGV.format(ascii(list(argv))))
    try:
        link.run(code, sink=sink)
    except ScriptError as exc:
        raise outcome(exc) from None

# SPDX-License-Identifier: MIT
"""A user's script on a board, as `python script.py` would run it: arguments, traceback, exit code.

The raw REPL ends a script's output by a byte that the script itself may print, and throws the
value of SystemExit away. So a function on the board runs the script, in the same globals and under
the script's own file name, and marks with a random token where the output begins and ends. What
follows is the value of SystemExit, or a traceback, from which the function's frame is taken out.
"""

from __future__ import annotations

import ast
import codecs
import re
import secrets
from collections.abc import Sequence

from pimem.board.errors import ScriptError
from pimem.board.follow import ALONE, Company, Follower
from pimem.board.line import Sink
from pimem.board.link import END, Link
from pimem.board.text import to_text
from pimem.exits import FAILED, OK, CommandError, Refusal

STDIN = "<stdin>"  # the name of a script that has no file
TOKEN_BYTES = 8
END_SECONDS = 120.0  # for what follows the second token
#: Names that the script may define anew are looked up before it runs.
RUNNER = """\
def _pimem_run(sys=__import__("sys"), stop=SystemExit, every=BaseException, text=repr):
    del globals()["_pimem_run"]
    sys.argv[:] = {argv}
    say = sys.stdout.write
    how = error = None
{asking}    say({token})
    try:
        exec(compile({source}, {name}, "exec"), globals())
    except stop as e:
        how = text(e.args[0] if e.args else None)
    except every as e:
        error = e
{asked}    say({token})
    if error is not None:
        say("E")
        sys.print_exception(error)
    elif how is not None:
        say("X" + how)
    say({token})
_pimem_run()
"""
#: Where stdin is no terminal: input() asks for a line of it by the token and "?".
ASKING = """\
    names = __import__("builtins")
    own = names.input
    def _pimem_input(prompt="", text=str, value=eval, no_more=EOFError):
        say(text(prompt))
        say({token} + "?")
        line = sys.stdin.readline()
        if line == "\\n":
            raise no_more
        return value(line)
    names.input = _pimem_input
"""
ASKED = """\
    names.input = own
"""
RUNNER_FRAMES = re.compile(r'  File "<stdin>", line \d+, in _pimem_(run|input)\n')


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


def to_source(script: bytes) -> str:
    """Return a script's text, without the mark that some editors put before UTF-8."""
    try:
        return script.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as exc:
        raise Refusal(f"the script is not UTF-8: {exc}") from exc


def wrap(script: bytes, name: str, argv: Sequence[str], token: str, asks: bool = False) -> bytes:
    """Return the function that runs a script, and its call. With `asks` its input() asks for the
    lines of stdin."""
    return RUNNER.format(
        asking=ASKING.format(token=ascii(token)) if asks else "",
        asked=ASKED if asks else "",
        source=ascii(to_source(script)),
        name=ascii(name),
        argv=ascii(list(argv)),
        token=ascii(token),
    ).encode()


def outcome(ending: str) -> Exception | None:
    """Return what ended the script, None if it came to its end."""
    if ending.startswith("E"):
        return ScriptError(RUNNER_FRAMES.sub("", ending[1:]), "")
    if not ending.startswith("X"):
        return None
    try:
        return ScriptExit(ast.literal_eval(ending[1:]))
    except (ValueError, SyntaxError):
        return ScriptExit(ending[1:])


def execute(
    link: Link,
    script: bytes,
    sink: Sink,
    *,
    name: str = STDIN,
    argv: Sequence[str] = ("",),
    company: Company = ALONE,
) -> None:
    """Run a script in the raw REPL; ScriptError or ScriptExit unless it comes to its end.

    BoardRestarted, BoardCrash and NoAnswer tell how the board was lost before that.
    """
    token = f"\x1e{secrets.token_hex(TOKEN_BYTES)}\x1e"
    mark = token.encode()
    follower = Follower(link, mark, sink, company)  # counts restarts from now on
    link.paste(wrap(script, name, argv, token, company.lines is not None))
    with link.crashes_are_output():
        if follower.started():
            follower.follow()
            ending = link.read_until(mark)[: -len(mark)]
        else:
            ending = b""
    late = link.read_until(END, total=END_SECONDS)[:-1]
    errors = to_text(link.read_until(END, total=END_SECONDS)[:-1])
    link.read_until(b">", total=END_SECONDS)
    if late:
        sink(late)
    if errors:
        raise ScriptError(errors, "")
    ended = outcome(to_text(ending))
    if ended:
        raise ended

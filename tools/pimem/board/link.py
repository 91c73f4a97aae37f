# SPDX-License-Identifier: MIT
"""MicroPython's raw REPL over a serial line.

Scripts are sent by raw-paste, whose flow control is all that protects a 64-byte FIFO from a long
script.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from pimem.board.errors import BoardCrash, BoardError, BoardRestarted, NoAnswer, ScriptError
from pimem.board.line import Line, Sink
from pimem.board.text import to_text

INTERRUPT, RAW_MODE, FRIENDLY_MODE, END = b"\x03", b"\x01", b"\x02", b"\x04"
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
PROMPT = b">>> "
BANNER = b"MicroPython "  # the friendly REPL's first line; what precedes it is the boot report


DONE = END + b">"  # ends what the raw REPL sends of a script
TRACEBACK = b"Traceback (most recent call last):\r\n"
REBOOT = b"MPY: soft reboot\r\n"
RESET_SECONDS = 120.0  # for a soft reset, with exit functions before it and boot.py after it


def ending(data: bytes) -> tuple[bytes, bytes]:
    """Split all that the raw REPL sent of a script into its output and its traceback.

    Both may have END in them. What comes after the script's end, printed by callbacks or exit
    functions, is appended to the output; what comes after a soft reset is dropped.
    """
    data, reset = before_reset(data)
    done = data.rfind(DONE)
    if reset and (stop := data.rfind(END + END)) > done:  # SystemExit has no traceback and no '>'
        return data[:stop] + data[stop + 2 :], b""
    if done < 0:
        done = data.rfind(END)  # something was printed before the '>'
    late = data[done + 1 :].replace(b">", b"", 1)
    data = data[:done]
    trace = data.rfind(END + TRACEBACK)
    if data.endswith(END) or trace < 0:
        output, _, errors = data.rpartition(END)
        return output + late, errors
    return data[:trace] + late, data[trace + 1 :]


def before_reset(data: bytes) -> tuple[bytes, bool]:
    """Return what came before the soft reset that ended a script or followed it, and whether there
    was one: a script may print the line as well, but then its end comes later."""
    at = data.rfind(REBOOT)
    return (data, False) if at < 0 or DONE in data[at:] else (data[:at], True)


class Link(Line):
    """A line with MicroPython at its other end."""

    def forget(self) -> None:
        """Drop what has been received: reports of later trouble begin here."""
        self._buffer.clear()
        self._recent.clear()

    def enter_raw_repl(self) -> None:
        """Interrupt what runs, and enter the raw REPL."""
        self.write(b"\r" + INTERRUPT + INTERRUPT)
        self.write(b"\r" + RAW_MODE)
        self.read_until(RAW_PROMPT, total=self._brief)

    def leave_raw_repl(self) -> None:
        self.write(FRIENDLY_MODE)
        self.read_until(PROMPT, total=self._brief)

    @contextlib.contextmanager
    def in_raw_repl(self) -> Iterator[None]:
        """Enter the raw REPL for a block, and leave the board at its prompt: also after an
        exception or Ctrl-C, which then stops the board's script too."""
        self.enter_raw_repl()
        try:
            yield
        except (BoardCrash, BoardRestarted, NoAnswer):
            raise  # the board is gone
        except BaseException:
            with contextlib.suppress(BoardError):
                self.write(INTERRUPT)
                self.leave_raw_repl()
            raise
        self.leave_raw_repl()

    def soft_reset(self, sink: Sink | None = None) -> bytes:
        """Reset softly, in the raw REPL; return what was printed until the raw REPL was back."""
        self.write(END)
        self.read_until(b"soft reboot\r\n", silence=self._brief, total=RESET_SECONDS)
        return self.read_until(RAW_PROMPT, total=RESET_SECONDS, sink=sink)[: -len(RAW_PROMPT)]

    def exec(
        self, code: str | bytes, *, sink: Sink | None = None, silence: float | None = None
    ) -> tuple[str, str]:
        """Run a script in the raw REPL; return its output and, if it failed, its traceback.

        `sink` gets the output as it comes. What callbacks print after the script's end is the end
        of the output; what they print before its begin is dropped.
        """
        self.paste(code.encode() if isinstance(code, str) else code)
        output = self.read_until(END, silence=silence, sink=sink)[:-1]
        data = output + END + self.read_until(END, silence=silence)
        data += self.read_until(b">", silence=silence)
        # The script may have printed all of this. An idle raw REPL answers Ctrl-A.
        self.write(RAW_MODE)
        data += self.read_until(RAW_PROMPT, silence=silence)
        self._await_answer(data)
        whole, errors = ending(data.removesuffix(RAW_PROMPT))
        if sink and len(whole) > len(output):
            sink(whole[len(output) :])
        return to_text(whole), to_text(errors)

    def _await_answer(self, data: bytes) -> None:
        """After a soft reset, whose prompt may come first, wait for the answer to Ctrl-A too:
        unless boot.py has read it."""
        before, reset = before_reset(data)
        if reset and data.count(RAW_PROMPT, len(before)) == 1:
            with contextlib.suppress(NoAnswer):
                self.read_until(RAW_PROMPT, total=self._brief)

    def run(
        self, code: str | bytes, *, sink: Sink | None = None, silence: float | None = None
    ) -> str:
        """Run a script like exec(), but raise ScriptError for an uncaught exception."""
        output, errors = self.exec(code, sink=sink, silence=silence)
        if errors:
            raise ScriptError(errors, output)
        return output

    def paste(self, source: bytes) -> None:
        """Send a script, which then runs. What callbacks print meanwhile is dropped."""
        self.forget()
        self._raw_paste(source)
        self._recent[:] = self._buffer  # reports of trouble show output only, no flow control

    def _raw_paste(self, source: bytes) -> None:
        self.write(b"\x05A\x01")
        self.read_until(b"R\x01", total=self._brief)
        window = int.from_bytes(self.read_exactly(2), "little")
        room, at = window, 0
        while at < len(source):
            control = self._control(wait=room == 0)
            if control == END:  # it takes no more
                self.write(END)
                return
            room += window * len(control)
            piece = source[at : at + room]
            self.write(piece)
            at += len(piece)
            room -= len(piece)
        self.write(END)
        while self._control() == RAW_MODE:  # windows granted meanwhile, then the acknowledgement
            pass

    def _control(self, wait: bool = True) -> bytes:
        """Return the next byte of flow control, RAW_MODE for a window or END; without `wait` b''
        if none has come."""
        end = time.monotonic() + self._brief
        while wait or self._buffer or self._port.in_waiting:
            byte = self.read_exactly(1)
            if byte in (RAW_MODE, END):
                return byte
            if time.monotonic() > end:
                raise self._talks(f"say {RAW_MODE!r} or {END!r}, as flow control in raw-paste")
        return b""

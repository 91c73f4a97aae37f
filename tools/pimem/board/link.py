# SPDX-License-Identifier: MIT
"""MicroPython's raw REPL over a serial line.

Scripts are sent by raw-paste, whose flow control is all that protects a 64-byte FIFO from a long
script.
"""

from __future__ import annotations

import contextlib
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


def ending(data: bytes) -> tuple[bytes, bytes]:
    """Split all that the raw REPL sent of a script into its output and its traceback.

    Both may have END in them. SystemExit has no traceback: a soft reset follows.
    """
    if not data.endswith(DONE):
        return data[: max(data.rfind(END + END + REBOOT), 0)], b""
    data = data.removesuffix(DONE)
    trace = data.rfind(END + TRACEBACK)
    if data.endswith(END) or trace < 0:
        output, _, errors = data.rpartition(END)
        return output, errors
    return data[:trace], data[trace + 1 :]


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
        self.read_until(b"soft reboot\r\n", silence=self._brief)
        return self.read_until(RAW_PROMPT, sink=sink)[: -len(RAW_PROMPT)]

    def exec(
        self, code: str | bytes, *, sink: Sink | None = None, silence: float | None = None
    ) -> tuple[str, str]:
        """Run a script in the raw REPL; return its output and, if it failed, its traceback.

        `sink` gets the output as it comes.
        """
        self.paste(code.encode() if isinstance(code, str) else code)
        output = self.read_until(END, silence=silence, sink=sink)[:-1]
        data = output + END + self.read_until(END, silence=silence)
        data += self.read_until(b">", silence=silence)
        # The script may have printed all of this. An idle raw REPL answers Ctrl-A.
        self.write(RAW_MODE)
        data += self.read_until(RAW_PROMPT, silence=silence)[: -len(RAW_PROMPT)]
        if not data.endswith((DONE, RAW_PROMPT)):
            while self.receive():  # the answer, which comes after the prompt of a soft reset
                pass
        whole, errors = ending(data)
        if sink and len(whole) > len(output):
            sink(whole[len(output) :])
        return to_text(whole), to_text(errors)

    def run(
        self, code: str | bytes, *, sink: Sink | None = None, silence: float | None = None
    ) -> str:
        """Run a script like exec(), but raise ScriptError for an uncaught exception."""
        output, errors = self.exec(code, sink=sink, silence=silence)
        if errors:
            raise ScriptError(errors, output)
        return output

    def paste(self, source: bytes) -> None:
        """Send a script, which then runs."""
        self.forget()
        self._raw_paste(source)
        self._recent[:] = self._buffer  # reports of trouble show output only, no flow control

    def _raw_paste(self, source: bytes) -> None:
        self.write(b"\x05A\x01")
        answer = self.read_exactly(2)
        if answer != b"R\x01":
            raise NoAnswer(f"{self.url} does not take raw-paste: it answered {answer!r}")
        window = int.from_bytes(self.read_exactly(2), "little")
        room, at = window, 0
        while at < len(source):
            if room == 0 or self._buffer or self._port.in_waiting:
                if not self._granted():
                    self.write(END)
                    return
                room += window
                continue
            piece = source[at : at + room]
            self.write(piece)
            at += len(piece)
            room -= len(piece)
        self.write(END)
        while self._granted():  # windows granted meanwhile, then the acknowledgement
            pass

    def _granted(self) -> bool:
        """Return whether the board grants another window (else it takes no more)."""
        answer = self.read_exactly(1)
        if answer not in (RAW_MODE, END):
            raise NoAnswer(f"{self.url}: {answer!r} instead of flow control in raw-paste")
        return answer == RAW_MODE

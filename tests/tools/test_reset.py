# SPDX-License-Identifier: MIT
"""Reset over DTR and RTS, and the ESP32 bridge: on ports that record what is done to them."""

from __future__ import annotations

import inspect
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import esptool
import pytest
import serial
from esptool.util import FatalError
from fake_board import FakeBoard

from pimem.board import reset
from pimem.board.serial_port import open_port
from pimem.commands import bridge
from pimem.exits import Failure, Refusal

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]


class Lines:
    """A port that only has control lines; at the n-th change it may break."""

    cts = False

    def __init__(self, fails_at: int | None = None) -> None:
        self.log: list[str] = []
        self.levels = {"dtr": False, "rts": False}
        self.fails_at = fails_at

    def _set(self, name: str, level: bool) -> None:
        if len(self.log) + 1 == self.fails_at:
            self.fails_at = None
            raise OSError(5, "Input/output error")
        self.levels[name] = level
        self.log.append(f"{name}{int(level)}")

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")

    def setDTR(self, level: bool) -> None:  # noqa: N802
        self._set("dtr", level)

    def setRTS(self, level: bool) -> None:  # noqa: N802
        self._set("rts", level)

    dtr = property(lambda self: self.levels["dtr"], lambda self, level: self._set("dtr", level))
    rts = property(lambda self: self.levels["rts"], lambda self, level: self._set("rts", level))


def changes(port: Lines) -> list[str]:
    """Only what really changed: esptool repeats DTR after each RTS, for Windows."""
    levels = {"dtr": "dtr0", "rts": "rts0"}
    found = []
    for each in port.log:
        if levels[each[:3]] != each:
            levels[each[:3]] = each
            found.append(each)
    return found


def test_the_sequence_of_the_bench_is_played_in_order() -> None:
    port = Lines()
    reset.reset_port(port, "D1|R1|W0.01|D0|R0")
    assert changes(port) == ["dtr1", "rts1", "dtr0", "rts0"]


def test_the_default_pulls_run_low_once() -> None:
    port = Lines()
    reset.reset_port(port, reset.SEQUENCE)
    assert changes(port) == ["rts1", "rts0"]


@pytest.mark.parametrize("sequence", ["R1", "D1|R1|W0.01"])
def test_rts_is_released_whatever_the_sequence_leaves(sequence: str) -> None:
    port = Lines()
    reset.reset_port(port, sequence)
    assert changes(port)[-2:] == ["rts1", "rts0"]


def test_a_step_that_the_port_cannot_do_is_told_and_rts_released() -> None:
    port = Lines()
    with pytest.raises(reset.NotReset, match="fileno"):
        reset.reset_port(port, "D1|R1|U0,1")
    assert port.levels["rts"] is False


def test_rts_is_released_when_the_adapter_is_pulled_in_the_middle() -> None:
    port = Lines(fails_at=4)
    with pytest.raises(reset.NotReset, match="in the middle of 'R1"):
        reset.reset_port(port, "R1|D1|R0")
    assert port.levels["rts"] is False


@pytest.mark.parametrize("sequence", ["X1", "D2", "R", "Wlong"])
def test_a_slip_in_the_sequence_is_told_before_anything_moves(sequence: str) -> None:
    port = Lines()
    with pytest.raises(Refusal, match="reset sequence"):
        reset.reset_port(port, sequence)
    assert port.log == []


def test_loop_ports_are_opened_low_and_reset() -> None:
    port = open_port("loop://")
    assert (port.dtr, port.rts) == (False, False)
    reset.reset_port(port, reset.SEQUENCE)
    assert port.rts is False
    port.close()


def test_a_pty_has_no_lines_and_says_so(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("reset", "--port", fake.url)
    assert done.returncode == 1
    assert f"{fake.url}: the board was NOT reset: it has no DTR and RTS" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def listener() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"


def test_a_socket_has_no_lines_and_says_so(pimem: Pimem, listener: str) -> None:
    done = pimem("reset", "--port", listener)
    assert done.returncode == 1
    assert "NOT reset: a socket:// has no DTR and RTS" in done.stderr


def test_a_port_that_is_not_there_says_so(pimem: Pimem) -> None:
    done = pimem("reset", "--port", "/dev/ttyNOTHING")
    assert done.returncode == 4
    assert "NOT reset: cannot open /dev/ttyNOTHING" in done.stderr


class TelnetServer:
    """The far end of rfc2217://: lines that only it has, recorded in order."""

    def __init__(self) -> None:
        from serial import rfc2217

        self.far = serial.serial_for_url("loop://", timeout=0.1)
        self.log: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._server.getsockname()[1]}"
        self._manager: Any = None
        self._rfc2217 = rfc2217
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        connection.settimeout(10)
        self._connection = connection
        manager = self._rfc2217.PortManager(self.far, self, None)
        try:
            while data := connection.recv(1024):
                for _ in manager.filter(data):
                    pass
                self.log.append(f"rts{int(self.far.rts)}")
        except OSError:
            pass

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)

    def close(self) -> None:
        self._server.close()
        self._thread.join(10)


def test_lines_behind_rfc2217_are_driven() -> None:
    server = TelnetServer()
    reset.reset(server.url, "D0|R1|W0.2|R0")
    server.close()
    assert "rts1" in server.log
    assert server.log[-1] == "rts0"


def test_nothing_of_esptool_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, pimem.cli\n"
        "from pimem.commands import reset, bridge, monitor\n"
        "assert not [name for name in sys.modules if name.startswith('esp')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_bench_may_be_configured_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIMEM_RESET", raising=False)
    assert reset.configured(None) is None
    monkeypatch.setenv("PIMEM_RESET", "R1|R0")
    assert reset.configured(None) == "R1|R0"
    assert reset.configured("D1|D0") == "D1|D0"


# The bridge: no chip is here, so the calls are recorded.


class FakeEsp:
    def __init__(self, log: list[str]) -> None:
        self.log = log

    def __enter__(self) -> FakeEsp:
        return self

    def __exit__(self, *_: object) -> None:
        self.log.append("closed")

    def change_baud(self, baud: int) -> None:
        self.log.append(f"baud {baud}")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    log: list[Any] = []

    def note(name: str) -> Callable[..., Any]:
        real = inspect.signature(getattr(esptool, name))

        def call(*args: Any, **named: Any) -> Any:
            real.bind(*args, **named)  # or the real one would not take it
            log.append(named or (name, *args[1:]))
            return FakeEsp(log) if name == "connect_esp" else args[0]

        return call

    for name in ("connect_esp", "run_stub", "attach_flash", "write_flash", "reset_chip"):
        monkeypatch.setattr(esptool, name, note(name))
    monkeypatch.setattr(bridge, "open_port", lambda url: io.BytesIO())
    return log


def flash(firmware: Path) -> None:
    bridge.flash(firmware, port="/dev/ttyUSB9")


def test_a_firmware_is_written_through_stub_and_speed_and_started(
    calls: list[Any], tmp_path: Path
) -> None:
    firmware = tmp_path / "bridge.bin"
    firmware.write_bytes(b"\xe9" + bytes(99))
    flash(firmware)
    assert calls == [
        {"port": "/dev/ttyUSB9", "chip": "auto"},
        ("run_stub",),
        "baud 460800",
        ("attach_flash",),
        ("write_flash", [(0, firmware.read_bytes())]),
        ("reset_chip", "hard-reset"),
        "closed",
    ]


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"MZ"])
def test_what_an_esp_would_not_start_is_refused(
    calls: list[Any], tmp_path: Path, data: bytes
) -> None:
    firmware = tmp_path / "other.bin"
    firmware.write_bytes(data)
    with pytest.raises(Refusal, match="other.bin"):
        flash(firmware)
    assert calls == []


def test_a_merged_image_of_the_first_esp32_begins_with_nothing(
    calls: list[Any], tmp_path: Path
) -> None:
    firmware = tmp_path / "merged.bin"
    firmware.write_bytes(b"\xff" * 4096 + b"\xe9" + bytes(99))
    flash(firmware)


def test_a_bridge_that_does_not_answer_is_one_clear_error(
    calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = tmp_path / "bridge.bin"
    firmware.write_bytes(b"\xe9" + bytes(99))

    def silent(**_: Any) -> None:
        raise FatalError("Failed to connect to Espressif device")

    monkeypatch.setattr(esptool, "connect_esp", silent)
    with pytest.raises(Failure, match="bridge on /dev/ttyUSB9: Failed to connect"):
        flash(firmware)


def test_the_command_line_finds_no_bridge_on_a_pty(
    pimem: Pimem, fake: FakeBoard, tmp_path: Path
) -> None:
    firmware = tmp_path / "bridge.bin"
    firmware.write_bytes(b"\xe9" + os.urandom(99))
    done = pimem("bridge", "flash", str(firmware), "--port", "/dev/ttyNOTHING")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "cannot open /dev/ttyNOTHING: there is no such device" in done.stderr

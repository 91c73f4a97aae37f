# SPDX-License-Identifier: MIT
"""Open serial ports, and say in a few words why one cannot be opened or was lost."""

from __future__ import annotations

import errno
import logging
import os
import re
from urllib.parse import urlsplit

import serial

from pimem.board.errors import NoAnswer
from pimem.exits import Refusal

BAUD = 115200
POLL_SECONDS = 0.05
WRITE_SECONDS = 15.0
NETWORK = ("socket", "rfc2217")  # URLs with a host and a port

log = logging.getLogger(__name__)


def open_port(url: str, baudrate: int = BAUD) -> serial.Serial:
    """Open the serial port that `url` names, for this program alone, its control lines left low.

    NoAnswer if it cannot be opened, Refusal where there can be no such port.
    """
    check_url(url)
    try:
        port = serial.serial_for_url(url, baudrate, do_not_open=True)
    except OSError as exc:  # SerialException: hwgrep:// finds nothing
        raise NoAnswer(f"cannot open {url}: {exc}; `pimem ports` lists what there is") from exc
    except (ValueError, LookupError, re.error) as exc:  # what its handlers of URLs raise
        raise Refusal(f"{url} is no port: {exc}; `pimem ports` lists what there is") from exc
    try:
        # Asserted, these lines reset a board whose RUN pin hangs on one of them.
        port.dtr = False
        port.rts = False
        port.exclusive = True
        port.timeout = POLL_SECONDS
        if not url.lower().startswith("rfc2217:"):  # pyserial has none there; the socket has one
            port.write_timeout = WRITE_SECONDS
        port.open()
    except (serial.SerialException, OSError) as exc:
        raise NoAnswer(f"cannot open {url}: {why_not_opened(exc, url)}") from exc
    except LookupError as exc:  # an option of a URL
        raise Refusal(f"{url} is no port: unknown value {exc}") from exc
    except ValueError as exc:
        raise Refusal(f"{url}, {baudrate} baud: {exc}") from exc
    log.info("opened %s at %d baud", url, baudrate)
    return port


def check_url(url: str) -> None:
    """Refuse URLs for which pyserial raises exceptions about its own internals."""
    if not url:
        raise Refusal("--port '' names no port; `pimem ports` lists what there is")
    scheme, mark, _ = url.lower().partition("://")
    if not mark or scheme not in NETWORK:
        return
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname and parts.port)
    except ValueError:
        complete = False
    if not complete:
        raise Refusal(f"{url} is no port: it must be {scheme}://HOST:PORT, PORT from 1 to 65535")


def why_not_opened(exc: OSError, url: str) -> str:
    """Return the reason alone: pyserial repeats the port and the number in its sentences."""
    if exc.errno == errno.EACCES:
        return "no permission; on most systems the group dialout has it"
    if exc.errno == errno.EAGAIN:
        return "another program has it open"
    if exc.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return "there is no such device; `pimem ports` lists what there is"
    if exc.errno:
        return os.strerror(exc.errno)
    return str(exc).removeprefix(f"Could not open port {url}: ")


def why_lost(exc: OSError) -> str:
    """Return why an open port failed. One that hung up is readable, and empty."""
    gone = exc.errno in (errno.EIO, errno.ENXIO, errno.ENODEV) or "returned no data" in str(exc)
    return "it is disconnected" if gone else str(exc)

# SPDX-License-Identifier: MIT
"""An SD host controller and a card, played register by register and command by command."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

import hardware

BASE = 0x300000
BLOCK, ARGUMENT, COMMAND, RESPONSE, DATA, PRESENT = 0x04, 0x08, 0x0C, 0x10, 0x20, 0x24
CONTROL0, CONTROL1, STATUS, STATUS_ENABLE, SIGNAL_ENABLE, CONTROL2 = range(0x28, 0x40, 4)
WIDE, HIGH_SPEED, POWER = 1 << 1, 1 << 2, 0xF00
CLOCK_ON, STABLE = 0b111, 1 << 1
RESETS = 7 << 24
COMPLETE, TRANSFERRED, WRITE_READY, READ_READY = 1 << 0, 1 << 1, 1 << 4, 1 << 5
NO_ANSWER, COMMAND_CRC, NO_DATA, DATA_CRC = 1 << 16, 1 << 17, 1 << 20, 1 << 21
SIZE = 512

IDLE, READY, IDENT, STANDBY, TRANSFER = range(5)
APP = 100  # application commands have numbers from here on

RANGE, PROTECTED = 1 << 31, 1 << 26

lib = functools.cache(hardware.build)


class Result(IntEnum):
    """sd_result_t"""

    SD_OK = 0
    SD_NO_CARD = 1
    SD_CHANGED = 2
    SD_TIMEOUT = 3
    SD_CRC = 4
    SD_REFUSED = 5
    SD_PROTECTED = 6
    SD_RANGE = 7
    SD_UNSUPPORTED = 8


def register(fields: dict[tuple[int, int], int]) -> int:
    """A register of 128 bits from (high, low): value."""
    return sum(value << low for (_, low), value in fields.items())


@dataclass
class Card:
    """A card of version 2 and more than 2 GB, if nothing else is said."""

    blocks: int = 8192 * 1024
    cid: int = 0x03534458583136478012345678016000
    version: int = 2
    by_blocks: bool = True
    write_protected: bool = False
    high_speed: bool = True
    wide: bool = True
    busy_polls: int = 2  # ACMD41 asks so often before the card is ready
    written_polls: int = 1  # and CMD13 after a write
    memory: dict[int, bytes] = field(default_factory=dict)
    state: int = IDLE
    app: bool = False
    said_busy: int = 0
    error: int = 0  # bits of the next R1
    commands: list[tuple[int, int]] = field(default_factory=list)

    @property
    def csd(self) -> int:
        protection = {(12, 12): int(self.write_protected)}
        if self.by_blocks:
            size = self.blocks // 1024 - 1
            return register({(127, 126): 1, (69, 48): size, (83, 80): 9, **protection})
        size, shift, length = self.blocks // 512 - 1, 7, 9  # 2^9 units of 512 bytes
        return register({(73, 62): size, (49, 47): shift, (83, 80): length, **protection})

    def r1(self, state: int | None = None) -> int:
        answer = self.error | (self.state if state is None else state) << 9 | 1 << 8
        self.error = 0
        return answer

    def answer(self, index: int, argument: int) -> int | None:
        """The response to a command, None: none; of 136 bits with the bits that come."""
        number = APP + index if self.app else index
        self.app = False
        self.commands.append((number, argument))
        method = getattr(self, f"command_{number}", None)
        return method(argument) if method else None

    def command_0(self, argument: int) -> None:
        self.state, self.said_busy, self.error = IDLE, 0, 0

    def command_8(self, argument: int) -> int | None:
        return argument & 0xFFF if self.version == 2 else None

    def command_55(self, argument: int) -> int:
        self.app = True
        return self.r1() | 1 << 5

    def command_141(self, argument: int) -> int:
        self.said_busy += 1
        if self.said_busy <= self.busy_polls:
            return 0xFF8000
        self.state = READY
        if self.by_blocks:
            assert argument >> 30 & 1, "the host does not say that it knows such cards"
        return 0x80FF8000 | self.by_blocks << 30

    def command_2(self, argument: int) -> int:
        self.state = IDENT
        return self.cid

    def command_3(self, argument: int) -> int:
        self.state = STANDBY
        return 0x45670000 | STANDBY << 9

    def command_9(self, argument: int) -> int:
        assert argument == 0x45670000
        return self.csd

    def command_7(self, argument: int) -> int:
        answer = self.r1()
        self.state = TRANSFER
        return answer

    def command_13(self, argument: int) -> int | None:
        if argument != 0x45670000 or self.state == IDLE:
            return None
        if self.said_busy < 0:  # after a write
            self.said_busy += 1
            return self.r1(7) & ~(1 << 8)
        return self.r1()

    def command_16(self, argument: int) -> int:
        assert argument == SIZE
        return self.r1()

    def command_12(self, argument: int) -> int:
        self.state = TRANSFER
        return self.r1()

    def command_106(self, argument: int) -> int:
        return self.r1()

    def command_151(self, argument: int) -> int:
        return self.r1()

    def command_6(self, argument: int) -> int:
        return self.r1()

    def place(self, argument: int) -> int:
        assert self.by_blocks or argument % SIZE == 0
        return argument if self.by_blocks else argument // SIZE

    def transfer(self, argument: int) -> int | None:
        if self.state != TRANSFER:
            return None
        if self.place(argument) >= self.blocks:
            self.error |= RANGE
        return self.r1()

    command_17 = command_18 = command_24 = command_25 = transfer

    def sent(self, number: int, argument: int, size: int, count: int) -> bytes:
        """The data of a read."""
        if number == APP + 51:
            return bytes([2, 5 if self.wide else 1, 0, 0, 0, 0, 0, 0])
        if number == 6:
            status = bytearray(64)
            status[13] = 2 if self.high_speed else 0
            status[16] = 1 if self.high_speed else 0xF
            return bytes(status)
        first = self.place(argument)
        return b"".join(self.memory.get(first + n, bytes(SIZE)) for n in range(count))

    def got(self, argument: int, data: bytes) -> None:
        """The data of a write."""
        first = self.place(argument)
        for n in range(len(data) // SIZE):
            self.memory[first + n] = data[n * SIZE : (n + 1) * SIZE]
        self.said_busy = -self.written_polls


class Controller:
    """The controller: `faults` are, by command, the error bits of its next tries (0: none); for
    commands with data they come with the data, with `on_command` at once."""

    def __init__(
        self,
        card: Card | None,
        *,
        arasan: bool = False,
        base_clock: int = 100_000_000,
        machine: hardware.Machine | None = None,
    ) -> None:
        self.card = card
        self.machine = machine or hardware.Machine(lib(), step=5400)
        self.machine.sleep = self.sleep  # type: ignore[method-assign]
        self.machine.callbacks = (*self.machine.callbacks[:3], hardware.SLEEP(self.sleep))
        self.machine.fake.sleep = self.machine.callbacks[3]
        self.base_clock = base_clock
        self.arasan = arasan
        self.faults: dict[int, list[int]] = {}
        self.lost = 0
        self.clocks: list[int] = []
        self.last_write = 0
        self.registers = dict.fromkeys(range(0, 0x44, 4), 0)
        self.fifo = bytearray()
        self.expected = 0  # bytes of a write that are still to come
        self.current = (0, 0)
        self.pending = 0  # an error that comes with the data
        for offset in self.registers:
            self.machine.on_read[BASE + offset] = functools.partial(self.read, offset)
            self.machine.on_write[BASE + offset] = functools.partial(self.write, offset)

    def sleep(self, masked: int) -> None:
        fake = self.machine.fake
        if fake.timer != hardware.TIMER_OFF:
            fake.ticks = max(fake.ticks, fake.timer)

    @property
    def hz(self) -> int:
        control = self.registers[CONTROL1]
        divider = control >> 8 & 0xFF | (control >> 6 & 3) << 8
        return self.base_clock // (2 * divider) if divider else self.base_clock

    def read(self, offset: int) -> int:
        if offset == DATA:
            return self.take_word()
        return self.registers[offset]

    def too_soon(self) -> bool:
        """Whether the Arasan loses this write: two SD clocks have not passed since the last."""
        now = self.machine.fake.ticks
        soon = (now - self.last_write) * self.hz < 2 * self.machine.fake.hz
        self.last_write = now
        return self.arasan and soon

    def write(self, offset: int, value: int) -> None:
        if offset == DATA:
            self.put_word(value)
        elif self.too_soon():
            self.lost += 1
        elif offset == STATUS:
            self.registers[STATUS] &= ~value
        elif offset == CONTROL1:
            self.control(value)
        else:
            self.registers[offset] = value
            if offset == COMMAND:
                self.command(value)

    def control(self, value: int) -> None:
        if value >> 24 & 1:
            self.registers = dict.fromkeys(self.registers, 0)
            self.fifo.clear()
        if value >> 26 & 1:
            self.fifo.clear()
            self.expected = 0
        value &= ~RESETS
        self.registers[CONTROL1] = value & ~STABLE | (value & 1) << 1
        if value & 4:
            self.clocks.append(self.hz)

    def command(self, value: int) -> None:
        if self.registers[CONTROL1] & CLOCK_ON != CLOCK_ON:
            return
        index, argument = value >> 24 & 0x3F, self.registers[ARGUMENT]
        number = APP + index if self.card and self.card.app else index
        answer = self.card.answer(index, argument) if self.card else None
        has_data = bool(value >> 21 & 1)
        fault = self.faults[number].pop(0) if self.faults.get(number) else 0
        if answer is None and value >> 16 & 3 or fault & NO_ANSWER:
            self.registers[STATUS] |= NO_ANSWER | COMPLETE
            return
        if fault and not has_data:
            self.registers[STATUS] |= fault
            return
        self.respond(value, answer or 0)
        if has_data:
            self.current, self.pending = (number, argument), fault
            self.begin_data(value)

    def respond(self, value: int, answer: int) -> None:
        if value >> 16 & 3 == 1:  # 136 bits, without the checksum
            for word in range(4):
                self.registers[RESPONSE + 4 * word] = answer >> (8 + 32 * word) & 0xFFFFFFFF
        else:
            self.registers[RESPONSE] = answer
        self.registers[STATUS] |= COMPLETE
        if value >> 16 & 3 == 3:
            self.registers[STATUS] |= TRANSFERRED

    def begin_data(self, value: int) -> None:
        assert self.card
        size, count = self.registers[BLOCK] & 0x3FF, self.registers[BLOCK] >> 16
        multi = bool(value >> 5 & 1)
        assert multi == (count > 1)
        assert not multi or value >> 1 & 7 == 0b011, "counted, with CMD12 at the end"
        if self.registers[RESPONSE] & RANGE:
            self.card.state = 5
            return
        if self.pending:
            self.registers[STATUS] |= self.pending
            self.card.state = 5
        elif value >> 4 & 1:
            self.fifo = bytearray(self.card.sent(*self.current, size, count))
            self.registers[STATUS] |= READ_READY
        else:
            self.fifo.clear()
            self.expected = size * count
            self.registers[STATUS] |= WRITE_READY

    def block_done(self, ready: int, more: bool) -> None:
        self.registers[STATUS] |= ready if more else TRANSFERRED

    def take_word(self) -> int:
        assert self.fifo, "a read of an empty FIFO"
        word = int.from_bytes(self.fifo[:4], "little")
        del self.fifo[:4]
        if len(self.fifo) % SIZE == 0:
            self.block_done(READ_READY, bool(self.fifo))
        return word

    def put_word(self, value: int) -> None:
        assert self.expected, "a write to a full FIFO"
        self.fifo += value.to_bytes(4, "little")
        self.expected -= 4
        if len(self.fifo) % SIZE == 0:
            self.block_done(WRITE_READY, bool(self.expected))
        if not self.expected:
            assert self.card
            self.card.got(self.current[1], bytes(self.fifo))


class Driver:
    """The driver's card over a played controller."""

    def __init__(self, controller: Controller, max_hz: int = 25_000_000) -> None:
        self.controller = controller
        self.card = hardware.SdCard()
        self.card.host.base = BASE
        self.card.host.base_clock = controller.base_clock
        self.card.host.arasan = controller.arasan
        self.card.max_hz = max_hz

    @property
    def pointer(self) -> object:
        return ctypes.byref(self.card)

    def start(self) -> Result:
        return Result(lib().sd_card_start(self.pointer))

    def check(self) -> Result:
        return Result(lib().sd_card_check(self.pointer))

    def read(self, block: int, count: int = 1) -> tuple[Result, bytes]:
        buf = ctypes.create_string_buffer(count * SIZE)
        result = lib().sd_card_read(self.pointer, block, count, buf)
        return Result(result), buf.raw

    def write(self, block: int, data: bytes) -> Result:
        count = len(data) // SIZE
        return Result(lib().sd_card_write(self.pointer, block, count, data))


def indices(commands: Iterable[tuple[int, int]]) -> list[int]:
    return [index for index, _ in commands]


@dataclass
class Emmc(Card):
    """A chip of a Compute Module: it has another identification, and no application commands."""

    blocks: int = 15_269_888
    address: int = 0

    @property
    def csd(self) -> int:
        return register({(127, 126): 3, (73, 62): 0xFFF, (49, 47): 7, (83, 80): 9})

    command_55 = command_141 = None  # type: ignore[assignment]

    def command_8(self, argument: int) -> int | None:
        return self.r1() if self.state == TRANSFER else None

    def command_1(self, argument: int) -> int:
        assert argument >> 30 & 1
        self.said_busy += 1
        return 0x40FF8080 | (self.said_busy > self.busy_polls) << 31

    def command_3(self, argument: int) -> int:
        self.state, self.address = STANDBY, argument
        return self.r1()

    def command_9(self, argument: int) -> int:
        assert argument == self.address != 0
        return self.csd

    def command_13(self, argument: int) -> int | None:
        return self.r1() if argument == self.address and self.state != IDLE else None

    def sent(self, number: int, argument: int, size: int, count: int) -> bytes:
        if number != 8:
            return super().sent(number, argument, size, count)
        ext_csd = bytearray(SIZE)
        ext_csd[212:216] = self.blocks.to_bytes(4, "little")
        return bytes(ext_csd)

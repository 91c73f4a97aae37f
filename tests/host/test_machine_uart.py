# SPDX-License-Identifier: MIT
"""The UARTs of machine.UART: where each number is, its format, and who gets the interrupt."""

import ctypes

import machine_lib
import pl011_fake
import pytest
from machine_lib import BCM2711, BCM2837, MMIO, Line, Machine, library

AUX, UART2 = 0xFE21_5000, 0xFE20_1400
LSR_DATA, LSR_ROOM = 1, 1 << 5
GICD, GICC = MMIO + 0xFF84_1000, MMIO + 0xFF84_2000
UART_ID, AUX_ID = 153, 125  # of the GIC
PL011S = [2, 3, 4, 5]


class Uarts:
    """The lines of a machine, with a PL011 at each place where BCM2711 has one."""

    def __init__(self, midr: int = BCM2711) -> None:
        self.machine = Machine(midr)
        self.machine.registers[GICD + 4] = 7  # GICD_TYPER
        library().irq_init(ctypes.byref(self.machine.soc))
        self.blocks = {
            n: pl011_fake.Block(self.machine, MMIO + UART2 + 0x200 * (n - 2)) for n in PL011S
        }
        self.aux = MMIO + self.machine.soc.aux
        self.mini: list[int] = []
        self.machine.on_read[self.aux + 0x54] = lambda: LSR_ROOM | bool(self.mini)
        self.machine.on_read[self.aux + 0x40] = lambda: self.mini.pop(0) if self.mini else 0
        self.lines = {n: Line(id=n) for n in range(1, 6)}
        self.storage = (ctypes.c_uint8 * 64)()
        self.console = ctypes.c_uint.in_dll(library(), "machine_shim_console_interrupts")
        self.console.value = 0

    def open(
        self, number: int, baud: int = 115_200, bits: int = 8, parity: int = -1, stop: int = 1
    ):
        made = machine_lib.Format(baud, bits, parity, stop)
        line = ctypes.byref(self.lines[number])
        library().uart_line_open(line, ctypes.byref(made), self.storage, 64, None)
        return line

    def interrupt(self, number: int) -> None:
        self.machine.registers[GICC + 0x0C] = number
        library().irq_dispatch()

    def enabled(self, number: int) -> bool:
        set_enable = GICD + 0x100 + 4 * (number // 32)
        clear_enable = set_enable + 0x80
        bits = [a == set_enable for a, v in self.machine.writes
                if a in (set_enable, clear_enable) and v == 1 << number % 32]  # fmt: skip
        return bool(bits) and bits[-1]


@pytest.fixture
def uarts():
    made = Uarts()
    yield made
    for number, line in made.lines.items():
        if line.open:
            made.mini.clear()
            made.blocks.get(number, made.blocks[2]).received.clear()
            library().uart_line_close(ctypes.byref(line))


def test_bcm2711_has_five_beside_the_console_and_bcm2837_one():
    Machine(BCM2711)
    assert [library().uart_line_is_known(n) for n in range(8)] == [0, 1, 1, 1, 1, 1, 0, 0]
    Machine(BCM2837)
    assert [library().uart_line_is_known(n) for n in range(8)] == [0, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("number", PL011S)
def test_each_number_has_a_block_of_its_own(uarts, number):
    uarts.open(number, 9600)
    assert [n for n in PL011S if uarts.blocks[n].enabled] == [number]
    assert uarts.blocks[number].divisor == (312, 32)


@pytest.mark.parametrize("number", PL011S)
def test_a_number_without_a_block_does_not_answer(uarts, number):
    """As on QEMU's raspi4b, whose registers there read as 0."""
    assert library().uart_line_answers(number)
    uarts.machine.on_read[uarts.blocks[number].base + 0x24] = lambda: 0
    assert not library().uart_line_answers(number)
    assert library().uart_line_answers(1), "the mini UART was looked for at the start"


@pytest.mark.parametrize(
    ("bits", "parity", "stop", "expected"),
    [
        (8, -1, 1, 0x70),
        (7, 0, 1, 0x56),  # WLEN 2, FEN, EPS, PEN
        (7, 1, 1, 0x52),  # odd: without EPS
        (5, -1, 2, 0x18),
        (6, 1, 2, 0x3A),
    ],
)
def test_the_format_is_that_of_the_register(uarts, bits, parity, stop, expected):
    uarts.open(3, bits=bits, parity=parity, stop=stop)
    assert uarts.blocks[3]["LCRH"] == expected


@pytest.mark.parametrize("number", PL011S)
def test_one_interrupt_serves_the_console_and_every_open_line(uarts, number):
    line = uarts.open(number)
    other = 2 + (number - 1) % 4
    uarts.blocks[number].received.extend(b"ab")
    uarts.blocks[other].received.extend(b"x")
    uarts.interrupt(UART_ID)
    assert uarts.console.value == 1
    assert library().uart_line_count(line) == 2
    assert list(uarts.blocks[other].received) == [ord("x")], "of a line that is not open"
    assert [library().uart_line_get(line) for _ in range(3)] == [ord("a"), ord("b"), -1]


def test_the_mini_uart_has_an_interrupt_of_its_own_and_gives_it_back(uarts):
    line = uarts.open(1)
    assert uarts.machine.registers[uarts.aux + 4] == 1
    assert uarts.enabled(AUX_ID)
    uarts.mini.extend(b"hi")
    uarts.interrupt(AUX_ID)
    assert [library().uart_line_get(line) for _ in range(3)] == [ord("h"), ord("i"), -1]
    assert uarts.console.value == 0
    library().uart_line_close(line)
    assert not uarts.enabled(AUX_ID)
    assert uarts.machine.registers[uarts.aux + 4] == 0


def test_a_line_that_is_closed_is_off_and_gets_no_more(uarts):
    line = uarts.open(4)
    library().uart_line_close(line)
    assert not uarts.blocks[4].enabled and uarts.blocks[4]["IMSC"] == 0
    uarts.blocks[4].received.extend(b"x")
    uarts.interrupt(UART_ID)
    assert uarts.console.value == 1 and list(uarts.blocks[4].received) == [ord("x")]


@pytest.mark.parametrize("number", PL011S)
def test_no_interrupt_is_left_without_a_handler_while_a_line_opens_and_closes(uarts, number):
    """Else it repeats endlessly: the thread, which would end it, executes no instruction."""
    block = uarts.blocks[number]
    handled = []

    def receive() -> None:
        if handled and handled[-1] is None:
            return  # in the handler
        block.received.extend(b"xx")
        if block.interrupts and not uarts.machine.fake.masked:
            handled.append(None)
            uarts.interrupt(UART_ID)
            handled.append(not block.interrupts)

    def flags() -> int:
        receive()
        return block.flags()

    def mask(value: int) -> None:
        block["IMSC"] = value
        receive()

    uarts.machine.on_read[block.base + 0x18] = flags
    uarts.machine.on_write[block.base + 0x38] = mask
    line = uarts.open(number)
    library().uart_line_count(line)
    receive()
    library().uart_line_close(line)
    assert handled and False not in handled


@pytest.mark.parametrize("number", [1, 5])
def test_what_comes_while_interrupts_are_masked_is_found(uarts, number):
    line = uarts.open(number)
    (uarts.mini if number == 1 else uarts.blocks[number].received).extend(b"m")
    assert library().uart_line_count(line) == 0
    uarts.machine.fake.masked = 1
    assert library().uart_line_count(line) == 1
    assert library().uart_line_get(line) == ord("m")
    assert uarts.machine.fake.masked == 1
    uarts.machine.fake.masked = 0


@pytest.mark.parametrize("number", PL011S)
def test_bytes_leave_on_the_line_of_their_number(uarts, number):
    line = uarts.open(number)
    sent = 0
    uarts.blocks[number].stuck = True
    while library().uart_line_try_put(line, sent):
        sent += 1
    assert sent == 16 and not library().uart_line_has_room(line)
    assert not library().uart_line_is_idle(line)
    uarts.blocks[number].stuck = False
    while not library().uart_line_is_idle(line):
        pass
    assert uarts.blocks[number].line == bytes(range(16))


def test_a_break_is_on_and_off(uarts):
    line = uarts.open(2)
    library().uart_line_set_break(line, True)
    assert uarts.blocks[2]["LCRH"] == 0x71
    library().uart_line_set_break(line, False)
    assert uarts.blocks[2]["LCRH"] == 0x70
    mini = uarts.open(1)
    library().uart_line_set_break(mini, True)
    assert uarts.machine.registers[uarts.aux + 0x4C] == 0x40
    assert uarts.blocks[2]["LCRH"] == 0x70

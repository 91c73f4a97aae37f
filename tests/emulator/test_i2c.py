# SPDX-License-Identifier: MIT
"""machine.I2C with QEMU's devices on the bus of the header: a thermometer, a memory, a clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buses import PAGED, PAGED_END, SETUP

from pimem.board.link import ScriptError
from pimem.testing import Machine, board_session
from pimem.testing.refusals import check_refused

DEVICES = (
    "tmp105,id=thermometer,bus=i2c-bus.1,address=0x48",
    "at24c-eeprom,bus=i2c-bus.1,address=0x50,rom-size=256",
    "ds1338,bus=i2c-bus.1,address=0x68",
)


@pytest.fixture(scope="module", params=board_session.PIS)
def pi(request: pytest.FixtureRequest) -> Iterator[Machine]:
    extra = [word for device in DEVICES for word in ("-device", device)]
    with board_session.booted(request.param, extra=extra) as machine:
        machine.exec(SETUP)
        yield machine


@pytest.fixture
def bus(pi: Machine) -> Iterator[Machine]:
    pi.exec("bus = I2C(1)")
    yield pi
    pi.exec("bus.deinit()")


def test_scan_finds_what_is_there(bus: Machine) -> None:
    assert bus.eval("bus.scan()") == [0x48, 0x50, 0x68]


@pytest.mark.parametrize(("millidegrees", "answer"), [(31500, [0x1F, 0x80]), (-2000, [0xFE, 0])])
def test_a_temperature_is_read(bus: Machine, millidegrees: int, answer: list[int]) -> None:
    thermometer = {"path": "/machine/peripheral/thermometer", "property": "temperature"}
    bus.emulated().qmp.execute("qom-set", **thermometer, value=millidegrees)
    assert bus.eval("list(bus.readfrom_mem(0x48, 0, 2))") == answer
    assert bus.eval("(bus.writeto(0x48, b'\\x00'), list(bus.readfrom(0x48, 2)))") == [1, answer]


def test_a_memory_keeps_what_is_written(bus: Machine) -> None:
    bus.exec("bus.writeto_mem(0x50, 16, b'hello')")
    assert bus.eval("bus.readfrom_mem(0x50, 16, 5).decode()") == "hello"
    bus.exec("bus.writevto(0x50, (b'\\x20', b'ab', b'', bytearray(b'cd')))")
    bus.exec("into = bytearray(4)\nbus.readfrom_mem_into(0x50, 0x20, into)")
    assert bus.eval("into.decode()") == "abcd"
    bus.exec("bus.writeto(0x50, b'\\x21')\npart = bytearray(2)\nbus.readfrom_into(0x50, part)")
    assert bus.eval("part.decode()") == "bc"


def test_a_write_without_a_stop_is_sent_with_the_read_that_follows(bus: Machine) -> None:
    bus.exec("bus.writeto_mem(0x50, 0x30, b'held')")
    assert bus.eval("bus.writeto(0x50, b'\\x30', False)") == 1
    assert bus.eval("bus.readfrom(0x50, 4).decode()") == "held"
    bus.exec("bus.writeto(0x50, b'\\x31', False)\npart = bytearray(2)")
    assert bus.eval("(bus.readfrom_into(0x50, part), part.decode())") == [None, "el"]
    assert bus.eval("bus.writeto(0x50, b'\\x40' + b'-' * 31, False)") == 32, (
        "as many as there may be"
    )
    assert bus.eval("(bus.readfrom(0x50, 1), bus.readfrom_mem(0x50, 0x40, 31))[1] == b'-' * 31")


AFTER = ("bus.readfrom(0x68, 1)", "bus.writeto(0x50, b'')", "bus.writeto(0x50, b'x', False)")


@pytest.mark.parametrize("call", AFTER)
def test_what_else_follows_a_write_without_a_stop_is_refused(bus: Machine, call: str) -> None:
    bus.exec("bus.writeto(0x50, b'\\x30', False)")
    got = bus.eval(f"refused(lambda: {call})")
    assert got[0] == "OSError" and "EOPNOTSUPP" in got[1]
    assert "stop=False is for a write of up to 32 bytes before a read of its device" in got[1]
    assert bus.eval("bus.readfrom(0x50, 1)")  # nothing is held any more


def test_what_is_held_ends_with_init(bus: Machine) -> None:
    bus.exec("bus.writeto(0x50, b'\\x30', False)\nbus.init()")
    assert bus.eval("bus.scan()") == [0x48, 0x50, 0x68]


def test_a_long_transfer_is_whole(bus: Machine) -> None:
    bus.exec("bus.writeto_mem(0x50, 0, bytes(range(256)))")
    assert bus.eval("bus.readfrom_mem(0x50, 0, 256) == bytes(range(256))") is True


def test_a_clock_is_set_and_read(bus: Machine) -> None:
    bus.exec("bus.writeto_mem(0x68, 0, bytes([0x58, 0x59, 0x23, 3, 0x31, 0x12, 0x25]))")
    seconds, minutes, hours = (
        int(f"{each:x}") for each in bus.eval("list(bus.readfrom_mem(0x68, 0, 3))")
    )
    since = (hours * 60 + minutes) * 60 + seconds - (24 * 3600 - 2)
    assert since % 86_400 < 600


CALLS = (
    "bus.readfrom(0x20, 1)",
    "bus.writeto(0x20, b'x')",
    "bus.writeto(0x20, b'')",
    "bus.readfrom_mem(0x20, 0, 1)",
    "bus.writeto_mem(0x20, 0, bytes(100))",
)


@pytest.mark.parametrize("call", CALLS)
def test_no_device_is_enodev_and_the_bus_goes_on(bus: Machine, call: str) -> None:
    text = "[Errno 19] ENODEV: no device at 0x20 acknowledges on I2C(1)"
    assert bus.eval(f"refused(lambda: {call})") == ["OSError", text]
    assert bus.eval("bus.scan()") == [0x48, 0x50, 0x68]


def test_a_buffer_whose_page_a_pager_brings(bus: Machine) -> None:
    got = bus.eval(
        "(calls, bytes(view[:5]).decode())",
        PAGED
        + """
view = paged_view(4096)
bus.writeto_mem(0x50, 0, b'paged')
bus.readfrom_mem_into(0x50, 0, memoryview(view)[:5])
""",
    )
    bus.exec(PAGED_END)
    assert got == [1, "paged"]


# --- pins ---


def test_the_pins_belong_to_the_bus_until_it_is_closed(pi: Machine) -> None:
    pi.exec("bus = I2C(1, freq=100000)\npin = Pin(2)")
    assert pi.eval("str(bus)") == "I2C(1, scl=3, sda=2, freq=100000)"
    assert pi.eval("str(pin)") == "Pin(GPIO2, mode=ALT, alt=ALT0)"
    assert pi.eval("pin.value() in (0, 1)") is True
    for change in ("Pin(2, Pin.OUT)", "pin.init(Pin.IN)", "Pin('SDA', pull=None)", "pin.on()"):
        assert pi.eval(f"refused(lambda: {change})") == [
            "OSError",
            "[Errno 16] EBUSY: GPIO2 is in use by I2C(1)",
        ]
    assert pi.eval("refused(SoftI2C, 3, 17)")[1] == "[Errno 16] EBUSY: GPIO3 is in use by I2C(1)"
    pi.exec("bus.deinit()\nbus.deinit()")
    assert pi.eval("[str(pin), str(bus)]") == ["Pin(GPIO2, mode=IN)", "<I2C(1) closed>"]
    assert pi.eval("refused(bus.scan)") == ["ValueError", "I2C(1) is closed"]
    pi.exec("Pin(2, Pin.OUT)\nbus.init()")
    assert pi.eval("[str(pin), bus.scan()]") == ["Pin(GPIO2, mode=ALT, alt=ALT0)", [72, 80, 104]]
    pi.exec("bus.deinit()")


def test_a_soft_reset_frees_the_pins(pi: Machine) -> None:
    pi.exec("bus = I2C(0)")
    pi.soft_reset()
    pi.exec(SETUP)
    assert pi.eval("[str(Pin(n)) for n in (0, 1)]") == [
        "Pin(GPIO0, mode=IN)",
        "Pin(GPIO1, mode=IN)",
    ]


def test_one_number_is_one_object(pi: Machine) -> None:
    assert pi.eval("I2C(1) is I2C(1, freq=100000)") is True
    pi.exec("I2C(1).deinit()")


BAD = (
    ("I2C(1, freq=0)", "ValueError", "freq 0 is not in"),
    ("I2C(1, freq=-1)", "ValueError", "freq -1 is not in"),
    ("I2C(1, freq=1000001)", "ValueError", "freq 1000001 is not in"),
    ("I2C(1, timeout=0)", "ValueError", "timeout 0 is not in 1 to 1000000"),
    ("I2C(2)", "ValueError", "there is no I2C(2) here, but I2C(0), I2C(1)"),
    ("I2C(-1)", "ValueError", "there is no I2C(-1) here, but I2C(0), I2C(1)"),
    ("I2C(7)", "ValueError", "there is no I2C(7) here, but I2C(0), I2C(1)"),
    ("I2C(1, sda=4)", "ValueError", "I2C(1) is not on sda=4, but on sda=2, scl=3"),
    ("I2C(1, sda=3, scl=2)", "ValueError", "I2C(1) is not on sda=3, scl=2, but on sda=2, scl=3"),
    ("I2C(1, sda=99)", "ValueError", "no pin 99"),
    ("I2C('1')", "TypeError", ""),
    ("I2C()", "TypeError", ""),
    ("bus.readfrom(128, 1)", "ValueError", "address 128 is not in 0 to 127"),
    ("bus.writeto(-1, b'')", "ValueError", "address -1 is not in 0 to 127"),
    ("bus.writevto(1 << 16, ())", "ValueError", "address 65536 is not in 0 to 127"),
    ("bus.readfrom(0x50, -1)", "ValueError", "size -1 is not in"),
    ("bus.readfrom(0x50, 65536)", "ValueError", "65536 bytes are more than the 65535"),
    ("bus.readfrom_mem(0x50, 256, 1)", "ValueError", "memaddr 256 is not in 0 to 255"),
    ("bus.readfrom_mem(0x50, 0, 1, addrsize=12)", "ValueError", "addrsize 12 is not 0, 8, 16"),
    ("bus.readfrom_mem(0x50, 0, 1, addrsize=264)", "ValueError", "addrsize 264"),
    ("bus.readfrom_into(0x50, b'')", "TypeError", ""),
    ("bus.writeto(0x50, 5)", "TypeError", ""),
    ("bus.writeto(0x50, bytes(33), False)", "OSError", "EOPNOTSUPP"),
    ("bus.readfrom(0x50, 1, False)", "OSError", "EOPNOTSUPP"),
    ("SoftI2C(5, 6, freq=0)", "ValueError", "freq 0 is not in 1 to 500000"),
    ("SoftI2C(5, 6, timeout=-1)", "ValueError", "timeout -1 is not in"),
    ("SoftI2C(5)", "TypeError", ""),
)


@pytest.mark.parametrize(("call", "kind", "text"), BAD, ids=[call for call, *_ in BAD])
def test_bad_arguments_are_named(bus: Machine, call: str, kind: str, text: str) -> None:
    check_refused(bus, call, kind, text)
    assert bus.eval("bus.scan()") == [0x48, 0x50, 0x68]


def test_software_leaves_a_bus_that_stays_low(pi: Machine) -> None:
    """QEMU's pins have the levels of their output latches: a released line stays low."""
    pi.exec("soft = SoftI2C(scl=5, sda=6, timeout=1000)")
    assert pi.eval("refused(soft.readfrom, 0x48, 1)") == ["OSError", "[Errno 116] ETIMEDOUT"]
    assert pi.eval("refused(soft.scan)") == ["OSError", "[Errno 116] ETIMEDOUT"]


#: QEMU's lines have the levels of the pins' latches, which a program reaches by address.
GPIO = {"BCM2837": 0x3F20_0000, "BCM2711": 0xFE20_0000}
SET, CLEAR = 0x1C, 0x28


def latch(pi: Machine, pin: int, *, high: bool) -> None:
    address = GPIO[pi.board.soc] + (SET if high else CLEAR)
    pi.exec(f"import machine\nmachine.mem32[{address}] = 1 << {pin}")


@pytest.mark.parametrize("line", [2, 3])
def test_a_line_that_is_held_low_is_etimedout_and_no_device(pi: Machine, line: int) -> None:
    pi.exec("bus = I2C(1, timeout=1000)")
    latch(pi, line, high=False)
    calls = (
        "bus.readfrom(0x48, 1)",
        "bus.writeto(0x48, b'')",
        "bus.readfrom_mem(0x48, 0, 2)",
        "bus.scan()",
    )
    for call in calls:
        assert pi.eval(f"refused(lambda: {call})") == ["OSError", "[Errno 116] ETIMEDOUT"]
    latch(pi, line, high=True)
    assert pi.eval("bus.scan()") == [0x48, 0x50, 0x68]
    pi.exec("bus.deinit()")


def test_the_pins_of_a_closed_bus_have_low_latches_as_before(pi: Machine) -> None:
    pi.exec("I2C(1).deinit()\nlines = [Pin(n, Pin.OUT) for n in (2, 3)]")
    assert pi.eval("[line.value() for line in lines]") == [0, 0]
    pi.exec("for line in lines:\n line.init(Pin.IN)")


# --- two users ---


HALF_WAY = (
    "I2C(1, freq=0)",
    "I2C(1, timeout=0)",
    "I2C(1, sda=4)",
    "SPI(0, 0)",
    "SPI(0, bits=9)",
    "SPI(1)",
    "I2C(3)",
    "SPI(6)",
    "UART(2)",
    "UART(1, 1)",
    "UART(1, bits=9)",
    "PWM(12, freq=0)",
    "PWM(12, duty_u16=1, duty_ns=1)",
    "PWM(14)",
)


@pytest.mark.parametrize("call", HALF_WAY)
def test_a_constructor_that_fails_claims_nothing(pi: Machine, call: str) -> None:
    pi.exec("from machine import PWM, UART")
    assert pi.eval(f"refused(lambda: {call})")[0] in ("OSError", "ValueError")
    taken = pi.eval(
        "[n for n in range(28) if n not in (14, 15)"
        " and refused(lambda: Pin(n, Pin.OUT))[0] != 'not refused']"
    )
    pi.exec("for n in range(28):\n if n not in (14, 15): Pin(n, Pin.IN)")
    assert taken == []


def test_settings_that_are_refused_leave_an_open_bus_as_it_is(bus: Machine) -> None:
    before = bus.eval("str(bus)")
    for call in ("bus.init(freq=0)", "bus.init(sda=4)", "I2C(1, timeout=0)"):
        assert bus.eval(f"refused(lambda: {call})")[0] == "ValueError"
    assert bus.eval("[str(bus), bus.scan()]") == [before, [0x48, 0x50, 0x68]]


def test_a_bus_that_no_name_has_keeps_its_pins_until_it_is_closed(pi: Machine) -> None:
    """One number is one object, which lives as long as the program."""
    pi.exec("import gc\nI2C(1, freq=100_000)\ngc.collect()")
    assert pi.eval("refused(Pin, 2, Pin.OUT)")[1] == "[Errno 16] EBUSY: GPIO2 is in use by I2C(1)"
    pi.exec("I2C(1).deinit()\nPin(2, Pin.OUT)\nPin(2, Pin.IN)")


def test_a_bus_that_the_machine_lacks_is_told(pi: Machine) -> None:
    missing = pi.eval("memory.report()['missing']")
    assert ("I2C(3) to I2C(6)" in missing) == (pi.name == "RPI4"), "of QEMU's raspi4b"
    assert "I2C(1)" not in missing


@pytest.mark.parametrize("name", ["I2C", "SoftI2C"])
def test_a_machine_without_a_bus_has_no_class(name: str) -> None:
    with board_session.booted("QEMU_VIRT") as machine:
        assert machine.eval(f"hasattr(machine, {name!r})", "import machine") is False


def test_errors_have_the_exceptions_of_python(bus: Machine) -> None:
    with pytest.raises(ScriptError, match="OSError: \\[Errno 19\\] ENODEV"):
        bus.exec("bus.readfrom(0x21, 1)")

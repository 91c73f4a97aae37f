# SPDX-License-Identifier: MIT
"""The rows of the status tables: what each is about, and the tests that prove it."""

from __future__ import annotations

from dataclasses import dataclass

#: Tests in these folders run on this machine, with devices that are played; others in QEMU.
HOST = ("tests/host/", "tests/tools/")


#: QEMU's machines, and words of what they lack.
MACHINES = ("raspi3b", "raspi4b", "virt")
NO_CLASS = "no class"
REFUSED = "absent: `OSError(ENODEV)`"
NOT_IN_SOC = "not in the SoC"
WEAK = "absent: weak source"

# The files of tests of what is in two tables.
PIN = ("tests/host/test_drivers.py", "tests/target/test_pins.py")
PIN_IRQ = ("tests/host/test_drivers_gpio_irq.py", "tests/target/test_pin_irq.py")
PULSES = ("tests/target/test_pulses.py",)
I2C_QEMU, SPI_QEMU, UART_QEMU = (
    f"tests/emulator/test_{kind}.py" for kind in ("i2c", "spi", "uart")
)
I2C = (
    "tests/host/test_drivers_bsc.py",
    "tests/host/test_drivers_i2c_lines.py",
    I2C_QEMU,
)
SPI = ("tests/host/test_drivers_spi.py", SPI_QEMU)
UART = ("tests/host/test_drivers_uart.py", "tests/host/test_machine_uart.py", UART_QEMU)
PWM = ("tests/host/test_drivers_pwm.py", "tests/target/test_pwm.py")
TIMER = ("tests/host/test_drivers_alarm.py", "tests/target/test_timer.py")
RTC = ("tests/target/test_clock.py",)
WATCHDOG = (
    "tests/host/test_drivers.py",
    "tests/host/test_crash_record.py",
    "tests/emulator/test_watchdog.py",
)
FIRMWARE = ("tests/host/test_drivers_mailbox.py", "tests/target/test_clock.py")
RNG = ("tests/host/test_drivers_rng.py", "tests/target/test_randomness.py")
CARD = ("tests/host/test_drivers_sd*.py", "tests/emulator/test_card*.py")


@dataclass(frozen=True)
class Row:
    """A property, the files of its tests, the steps of `pimem bringup` that show it on a board."""

    what: str
    files: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    note: str = ""

    @property
    def host(self) -> list[str]:
        return [glob for glob in self.files if glob.startswith(HOST)]

    @property
    def qemu(self) -> list[str]:
        return [glob for glob in self.files if not glob.startswith(HOST)]


@dataclass(frozen=True)
class State(Row):
    """A subject of "What is there, and what is not": its state, and what QEMU has of it."""

    state: str = ""
    limits: str = ""  # of QEMU's models


@dataclass(frozen=True)
class Feature(Row):
    """A feature of `machine`, and how far each of QEMU's machines has it.

    The words of a machine stand in the table if the tests in QEMU passed.
    tests/target/test_absent.py checks those that say what is absent.
    """

    pis: str = "modelled"
    raspi3b: str = ""  # of one Pi, instead of `pis`
    raspi4b: str = ""
    virt: str = NO_CLASS

    def on(self, machine: str) -> str:
        """Return the words of one of MACHINES."""
        return str(getattr(self, machine)) or self.pis


PROVEN = (
    Row(
        "boot to the prompt from EL1, EL2 and EL3; device tree, mailbox or neither",
        ("tests/emulator/test_boot*.py", "tests/target/test_boot_report.py"),
        ("boot", "facts"),
    ),
    Row(
        "kernel map, switch of TTBR1, W^X in every alias (tables read out and walked)",
        (
            "tests/emulator/test_live_tables.py",
            "tests/emulator/test_wx_walk.py",
            "tests/target/test_rights.py",
            "tests/target/test_space*.py",
        ),
        ("health",),
    ),
    Row(
        "faults raised, paged and stepped; programs at EL0",
        (
            "tests/target/test_fault.py",
            "tests/target/test_pager*.py",
            "tests/target/test_user*.py",
            "tests/target/test_watch.py",
        ),
        ("programs",),
    ),
    Row(
        "bus errors",
        ("tests/emulator/test_serror.py", "tests/host/test_serror_windows.py"),
        ("probes",),
        "injected through EL2",
    ),
    Row(
        "order of barriers and TLB maintenance; exclusives",
        (
            "tests/host/test_paging.py",
            "tests/host/test_trampoline.py",
            "tests/host/test_el2.py",
            "tests/host/test_chain.py",
            "tests/emulator/test_image.py",
        ),
        note="asserted on the host and in the disassembly",
    ),
    Row(
        "caches, TLB, memory types",
        ("tests/hwcheck/*.py",),
        ("code",),
        "QEMU has none of them: judged by a model, [hwcheck](docs/hwcheck.md)",
    ),
    Row(
        "UART clock, pins, overrun",
        (
            "tests/host/test_drivers.py",
            "tests/host/test_drivers_mailbox.py",
            "tests/host/test_early_uart.py",
        ),
        ("paste", "clock"),
        "registers of a played device; QEMU sends at any rate",
    ),
    Row(
        "SD card image and flashing",
        (
            "tests/emulator/test_sdcard.py",
            "tests/tools/test_image*.py",
            "tests/tools/test_flash.py",
        ),
        note="loop devices; `--update` of a card mounted by fusefat, not by Linux's vfat",
    ),
    Row(
        "files on a card and on the RAM disk, power cuts, ROMFS, other programs that copy files",
        (
            *CARD,
            "tests/emulator/test_power_cut.py",
            "tests/emulator/test_clients.py",
            "tests/target/test_romfs.py",
        ),
        note="QEMU's card is neither slow nor damaged: a played one is",
    ),
    Row(
        "a kernel booted over the serial line; resets",
        ("tests/emulator/test_bootloader.py",),
        ("resets",),
    ),
    Row(
        "the target tests through a port",
        ("tests/emulator/test_ports.py", "tests/emulator/test_plugin.py"),
        note="on the ptys of emulators, and behind `rfc2217://`",
    ),
    Row(
        "an ESP32 bridge flashed",
        ("tests/emulator/test_bridge.py",),
        note="**no chip was available**: esptool's calls are recorded",
    ),
)

PINS = "[pins](docs/machine.md#pins)"
STATES = (
    State(
        "memory: frames, page tables, faults, heap, programs at EL0",
        (
            "tests/host/test_frames*.py",
            "tests/host/test_paging*.py",
            "tests/host/test_space*.py",
            "tests/host/test_heap*.py",
            "tests/target/test_frames.py",
            "tests/target/test_space*.py",
            "tests/target/test_heap.py",
            "tests/target/test_fault.py",
            "tests/target/test_user*.py",
        ),
        ("health", "programs"),
        state="complete: [reference](docs/memory.md)",
    ),
    State(
        "files: SD card, FAT, littlefs, ROMFS, RAM disk",
        CARD,
        state="complete, but for exFAT, which is refused: [files](docs/files.md)",
    ),
    State(
        "`Pin`, `Signal`",
        PIN,
        state=f"complete: {PINS}",
        limits="an input has the level of the output latch",
    ),
    State(
        "`Pin.irq`",
        PIN_IRQ,
        state=f"edges and levels; no `hard=True`: {PINS}",
        limits="no events",
    ),
    State(
        "`I2C`, `SoftI2C`",
        I2C,
        state="6 buses on a Pi 4, 2 on a Pi 3: [I2C](docs/machine.md#i2c)",
        limits="numbers 0 and 1 only",
    ),
    State(
        "`SPI`, `SoftSPI`",
        SPI,
        state="5 buses on a Pi 4, 2 on a Pi 3: [SPI](docs/machine.md#spi)",
        limits="number 0 only",
    ),
    State(
        "`UART`",
        UART,
        state="5 lines on a Pi 4, 1 on a Pi 3, beside the console: [UART](docs/machine.md#uart)",
        limits="number 1 only",
    ),
    State(
        "`PWM`",
        PWM,
        state="2 channels: [PWM](docs/machine.md#pwm)",
        limits="raspi3b without pulses; raspi4b refuses",
    ),
    State(
        "`neopixel`, `bitstream`, `time_pulse_us`",
        PULSES,
        state="complete: [pulses](docs/machine.md#pulses)",
        limits="times and the output's level",
    ),
    State(
        "`Timer`, `RTC`, `time`",
        (*TIMER, *RTC),
        state="complete; no clock runs without power, so the time starts at the image's "
        "build date: [time](docs/machine.md#time)",
    ),
    State(
        "`WDT`, `reset_cause()`",
        WATCHDOG,
        ("resets",),
        state="complete: [watchdog](docs/machine.md#watchdog-and-reset-causes)",
        limits="resets at once, whatever the timeout",
    ),
    State(
        "`temperature()`, `freq()`, `unique_id()`",
        FIRMWARE,
        ("clock",),
        state="by the firmware: [clocks](docs/machine.md#the-processor)",
        limits="fixed answers",
    ),
    State(
        "random numbers",
        RNG,
        state="the SoC's generator: [randomness](docs/machine.md#randomness)",
        limits="raspi4b and virt have none: a weak source, which the report names",
    ),
    State(
        "twelve example programs",
        ("tests/target/test_examples.py", "tests/emulator/test_bus_examples.py"),
        state="[with their wiring](docs/examples.md)",
        limits="all but the LEDs, the button and the pulses",
    ),
)

#: What there is nothing of, and why.
ABSENT = (
    ("ADC", "none: the SoCs have none"),
    (
        "threads, the other cores",
        "Python runs on one core, without `_thread`; the other cores are parked",
    ),
    ("HDMI, USB, Wi-Fi, Bluetooth, Ethernet", "none"),
)

FEATURES = (
    Feature(
        "`Pin`: modes, pulls, every pin of the header",
        PIN,
        pis="modelled; inputs read the output latch",
        virt=REFUSED,
    ),
    Feature(
        "`Pin.drive`",
        ("tests/host/test_drivers_gpio_pads.py", "tests/target/test_machine_misuse.py"),
        pis=REFUSED,
        virt=REFUSED,
    ),
    Feature(
        "`Pin.irq`",
        PIN_IRQ,
        pis="runs, without events",
        virt=REFUSED,
    ),
    Feature(
        "`time_pulse_us`, `bitstream`, `neopixel`",
        PULSES,
        pis="runs, times only",
        virt=REFUSED,
    ),
    Feature(
        "`Timer`",
        (*TIMER, "tests/emulator/test_interrupt_load.py"),
        virt="modelled",
    ),
    Feature("`RTC`", RTC, virt="modelled"),
    Feature(
        "`WDT`, `reset_cause()`",
        WATCHDOG,
        ("resets",),
        pis="resets at once",
        virt=REFUSED,
    ),
    Feature("`I2C(0)`, `I2C(1)`", I2C),
    Feature("`I2C(3)` to `I2C(6)`", I2C, raspi3b=NOT_IN_SOC, raspi4b=REFUSED),
    Feature(
        "`SoftI2C`",
        (I2C_QEMU,),
        pis="runs, the lines read low",
    ),
    Feature(
        "`SPI(0)`",
        SPI,
        pis="modelled, without chip select",
    ),
    Feature("`SPI(1)`", SPI, pis=REFUSED),
    Feature("`SPI(3)` to `SPI(6)`", SPI, raspi3b=NOT_IN_SOC, raspi4b=REFUSED),
    Feature(
        "`SoftSPI`",
        (SPI_QEMU,),
        pis="runs, reads its output",
    ),
    Feature("`UART(1)`", UART),
    Feature("`UART(2)` to `UART(5)`", UART, raspi3b=NOT_IN_SOC, raspi4b=REFUSED),
    Feature(
        "`PWM`",
        PWM,
        raspi3b="runs, reads 0",
        raspi4b=REFUSED,
    ),
    Feature(
        "BCM2835 RNG (Pi 3)",
        RNG,
        raspi4b=NOT_IN_SOC,
        virt=WEAK,
    ),
    Feature(
        "RNG200 (Pi 4)",
        RNG,
        raspi3b=NOT_IN_SOC,
        raspi4b=WEAK,
        virt=WEAK,
    ),
    Feature(
        "`temperature()`, `freq()`, `unique_id()`",
        FIRMWARE,
        ("clock",),
        pis="fixed answers",
        virt="absent: `OSError(ENODEV)`, `b''`",
    ),
    Feature(
        "`SDCard`, `Partition`",
        CARD,
        virt=REFUSED,
    ),
    Feature(
        "a second user of a pin or block is refused; soft reset frees both",
        (
            "tests/host/test_machine_claims.py",
            I2C_QEMU,
            SPI_QEMU,
            UART_QEMU,
            "tests/target/test_pwm.py",
        ),
        pis="passed",
        virt="no pins",
    ),
    Feature(
        "20,000 random calls of `machine` leave the board and its books whole",
        ("tests/target/test_machine_random.py",),
        pis="passed",
        virt="passed",
    ),
)

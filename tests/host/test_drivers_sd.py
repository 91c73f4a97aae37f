# SPDX-License-Identifier: MIT
"""SD cards on a played controller: kinds of cards, errors, removal, what QEMU's does not do."""

from __future__ import annotations

import pytest
import sd_fake
from sd_fake import (
    DATA_CRC,
    NO_ANSWER,
    NO_DATA,
    PROTECTED,
    SIZE,
    Card,
    Controller,
    Driver,
    Emmc,
    Result,
    indices,
)

OTHER = 0x1B534D30303030301012345678012345
LARGE = Card().blocks
SMALL = 4096 * 512  # what a card of bytes has at most: 2 GiB in units of 512 bytes
DATA = bytes(range(256)) * 2


def started(card: Card, **options: object) -> tuple[Driver, Controller]:
    controller = Controller(card, **options)  # type: ignore[arg-type]
    driver = Driver(controller)
    assert driver.start() == Result.SD_OK
    return driver, controller


def small(**options: object) -> Card:
    return Card(blocks=SMALL, by_blocks=False, **options)  # type: ignore[arg-type]


# --- identification ---


def test_a_large_card_is_identified() -> None:
    card = Card()
    driver, controller = started(card)
    assert driver.card.blocks == LARGE
    assert bytes(driver.card.cid) == card.cid.to_bytes(16, "big")[:15] + b"\0"
    assert bytes(driver.card.csd) == card.csd.to_bytes(16, "big")[:15] + b"\0"
    assert driver.card.by_blocks and driver.card.ready and not driver.card.write_protected
    assert controller.registers[sd_fake.CONTROL0] & sd_fake.WIDE
    assert controller.registers[sd_fake.CONTROL0] & sd_fake.POWER == sd_fake.POWER
    ready = [55, 141] * 3
    assert indices(card.commands) == [0, 8, *ready, 2, 3, 9, 7, 55, 151, 55, 106]


@pytest.mark.parametrize("version", [1, 2])
def test_a_card_with_byte_addresses_is_identified(version: int) -> None:
    card = small(version=version)
    driver, _ = started(card)
    assert (driver.card.blocks, driver.card.by_blocks) == (SMALL, False)
    assert (16, SIZE) in card.commands
    capacity = {argument >> 30 & 1 for index, argument in card.commands if index == 141}
    assert capacity == {int(version == 2)}, "a card of version 1 is not told of larger ones"


def test_18_volts_are_never_asked_for() -> None:
    card = Card()
    started(card)
    assert not any(argument >> 24 & 1 for index, argument in card.commands if index == 141)


def test_a_card_without_four_lines_gets_one() -> None:
    _, controller = started(Card(wide=False))
    assert not controller.registers[sd_fake.CONTROL0] & sd_fake.WIDE


@pytest.mark.parametrize("base", [41_666_667, 50_000_000, 100_000_000, 200_000_000, 250_000_000])
def test_the_clock_is_never_higher_than_asked_nor_too_low(base: int) -> None:
    _, controller = started(Card(), base_clock=base)
    slow, fast = controller.clocks
    assert 200_000 <= slow <= 400_000
    assert 12_500_000 < fast <= 25_000_000


@pytest.mark.parametrize(
    ("asked", "can", "arasan", "clock"),
    [
        (50_000_000, True, False, 50_000_000),
        (50_000_000, True, True, 50_000_000),
        (50_000_000, False, False, 25_000_000),
        (25_000_000, True, False, 25_000_000),
        (10_000_000, True, False, 10_000_000),
    ],
)
def test_high_speed_is_used_where_it_is_asked_for_and_possible(
    asked: int, can: bool, arasan: bool, clock: int
) -> None:
    controller = Controller(Card(high_speed=can), arasan=arasan)
    assert Driver(controller, asked).start() == Result.SD_OK
    assert controller.hz == clock
    timing = bool(controller.registers[sd_fake.CONTROL0] & sd_fake.HIGH_SPEED)
    assert timing == (clock == 50_000_000 and not arasan)


def test_no_card_is_told_soon() -> None:
    controller = Controller(None)
    assert Driver(controller).start() == Result.SD_NO_CARD
    assert controller.machine.seconds < 0.1


def test_a_card_that_is_never_ready_is_given_up() -> None:
    controller = Controller(Card(busy_polls=10**9))
    assert Driver(controller).start() == Result.SD_TIMEOUT
    assert 1 < controller.machine.seconds < 5


def test_a_controller_that_does_not_reset_is_given_up() -> None:
    controller = Controller(Card())
    controller.machine.on_read[sd_fake.BASE + sd_fake.CONTROL1] = lambda: 1 << 24
    assert Driver(controller).start() == Result.SD_TIMEOUT
    assert controller.machine.seconds < 1


def test_a_controller_whose_clock_is_never_stable_is_given_up() -> None:
    controller = Controller(Card())
    read = controller.machine.on_read[sd_fake.BASE + sd_fake.CONTROL1]
    controller.machine.on_read[sd_fake.BASE + sd_fake.CONTROL1] = lambda: read() & ~sd_fake.STABLE
    assert Driver(controller).start() == Result.SD_TIMEOUT
    assert controller.machine.seconds < 1
    assert controller.card and controller.card.commands == []


@pytest.mark.parametrize("fault", [NO_DATA, DATA_CRC, NO_ANSWER])
def test_all_of_the_identification_is_repeated_when_the_first_data_fail(fault: int) -> None:
    card = Card()
    controller = Controller(card)
    controller.faults[sd_fake.APP + 51] = [fault, fault]
    assert Driver(controller).start() == Result.SD_OK
    assert indices(card.commands).count(0) == 3


def test_a_card_whose_first_data_always_fail_is_given_up() -> None:
    controller = Controller(Card())
    controller.faults[sd_fake.APP + 51] = [DATA_CRC] * 10
    assert Driver(controller).start() == Result.SD_CRC
    assert len(controller.faults[sd_fake.APP + 51]) == 7


def test_a_card_of_a_later_standard_is_refused() -> None:
    class Later(Card):
        @property
        def csd(self) -> int:
            return sd_fake.register({(127, 126): 2})

    assert Driver(Controller(Later())).start() == Result.SD_UNSUPPORTED


def test_the_arasan_loses_no_write() -> None:
    controller = Controller(Card(busy_polls=0), arasan=True, base_clock=250_000_000)
    controller.machine.fake.step = 1
    driver = Driver(controller)
    assert driver.start() == Result.SD_OK
    assert driver.write(5, DATA * 2) == Result.SD_OK
    assert driver.read(5, 2) == (Result.SD_OK, DATA * 2)
    assert controller.lost == 0


def test_the_other_controller_does_not_wait_for_it() -> None:
    controller = Controller(Card(busy_polls=0), base_clock=250_000_000)
    controller.machine.fake.step = 1
    driver = Driver(controller)
    driver.start()
    before = controller.machine.fake.ticks
    assert driver.read(5) == (Result.SD_OK, bytes(SIZE))
    assert controller.machine.fake.ticks - before < 10


# --- blocks ---


@pytest.mark.parametrize("make", [Card, small])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_blocks_are_written_and_read(make: type[Card], count: int) -> None:
    card = make()
    driver, _ = started(card)
    data = b"".join(bytes([n]) * SIZE for n in range(1, count + 1))
    card.commands.clear()
    assert driver.write(100, data) == Result.SD_OK
    assert driver.read(100, count) == (Result.SD_OK, data)
    place = 100 if card.by_blocks else 100 * SIZE
    first, second = (24, 17) if count == 1 else (25, 18)
    moved = [each for each in card.commands if each[0] != 13]
    assert moved == [(first, place), (second, place)]


def test_long_transfers_are_cut() -> None:
    card = Card()
    driver, _ = started(card)
    card.memory = {n: n.to_bytes(4, "little") * 128 for n in range(1025)}
    card.commands.clear()
    result, data = driver.read(0, 1025)
    assert result == Result.SD_OK
    assert data == b"".join(card.memory[n] for n in range(1025))
    assert card.commands == [(18, 0), (17, 1024)]


@pytest.mark.parametrize(("block", "count"), [(LARGE, 1), (LARGE - 1, 2), (2**63, 1)])
def test_beyond_the_end_nothing_is_asked_for(block: int, count: int) -> None:
    card = Card()
    driver, _ = started(card)
    card.commands.clear()
    assert driver.read(block, count)[0] == Result.SD_RANGE
    assert driver.write(block, bytes(count * SIZE)) == Result.SD_RANGE
    assert card.commands == []


def test_a_card_is_waited_for_until_it_has_written() -> None:
    card = Card(written_polls=20)
    driver, _ = started(card)
    assert driver.write(7, DATA) == Result.SD_OK
    assert indices(card.commands).count(13) == 21


def test_a_card_that_never_ends_a_write_is_given_up() -> None:
    driver, controller = started(Card(written_polls=10**9))
    assert driver.write(7, DATA) == Result.SD_TIMEOUT
    assert controller.machine.seconds < 20


# --- errors ---


@pytest.mark.parametrize("fault", [NO_DATA, DATA_CRC, NO_ANSWER])
@pytest.mark.parametrize("count", [1, 3])
def test_a_transfer_that_fails_is_repeated(fault: int, count: int) -> None:
    card = Card()
    driver, controller = started(card)
    for index in (17, 18, 24, 25):
        controller.faults[index] = [fault, fault]
    data = DATA * count
    assert driver.write(9, data) == Result.SD_OK
    assert driver.read(9, count) == (Result.SD_OK, data)
    used = (17, 24) if count == 1 else (18, 25)
    assert [controller.faults[index] for index in used] == [[], []]


@pytest.mark.parametrize(
    ("fault", "result"), [(NO_DATA, Result.SD_TIMEOUT), (DATA_CRC, Result.SD_CRC)]
)
def test_a_transfer_that_always_fails_ends(fault: int, result: Result) -> None:
    driver, controller = started(Card())
    controller.faults[17] = [fault] * 10
    assert driver.read(9)[0] == result
    assert len(controller.faults[17]) == 7
    controller.faults.clear()
    assert driver.read(9)[0] == Result.SD_OK, "the next one is not concerned"


def test_damaged_data_end_high_speed() -> None:
    card = Card(memory={9: DATA})
    controller = Controller(card)
    driver = Driver(controller, 50_000_000)
    assert driver.start() == Result.SD_OK
    controller.faults[17] = [DATA_CRC]
    assert driver.read(9) == (Result.SD_OK, DATA)
    assert controller.hz == 25_000_000


def test_a_transfer_that_stays_open_is_ended_by_a_command() -> None:
    card = Card()
    driver, controller = started(card)
    controller.faults[18] = [NO_DATA]
    card.commands.clear()
    assert driver.read(0, 2)[0] == Result.SD_OK
    assert indices(card.commands) == [18, 13, 12, 13, 18]


def test_an_error_of_the_card_is_not_waited_for() -> None:
    card = Card()
    driver, controller = started(card)
    card.blocks = 50  # it has less than it told
    before = controller.machine.seconds
    assert driver.read(60)[0] == Result.SD_RANGE
    assert controller.machine.seconds - before < 0.1
    assert driver.read(10)[0] == Result.SD_OK


def test_a_protected_card_gets_no_write() -> None:
    card = Card(write_protected=True)
    driver, _ = started(card)
    card.commands.clear()
    assert driver.write(1, DATA) == Result.SD_PROTECTED
    assert card.commands == []
    assert driver.read(1)[0] == Result.SD_OK


def test_an_error_that_comes_after_the_data_is_told() -> None:
    class Failing(Card):
        def got(self, argument: int, data: bytes) -> None:
            super().got(argument, data)
            self.error = PROTECTED

    driver, _ = started(Failing())
    assert driver.write(1, DATA) == Result.SD_PROTECTED


# --- removal ---


def test_a_card_that_is_gone_is_told_soon() -> None:
    driver, controller = started(Card())
    controller.card = None
    before = controller.machine.seconds
    assert driver.read(0)[0] == Result.SD_NO_CARD
    assert driver.write(0, DATA) == Result.SD_NO_CARD
    assert driver.check() == Result.SD_NO_CARD
    assert controller.machine.seconds - before < 1


def test_a_card_that_lost_its_power_is_identified_again() -> None:
    card = Card(memory={0: DATA})
    driver, _ = started(card)
    card.command_0(0)
    assert driver.read(0) == (Result.SD_OK, DATA)


def test_another_card_gets_nothing() -> None:
    driver, controller = started(Card())
    other = Card(cid=OTHER)
    controller.card = other
    assert driver.write(0, DATA) == Result.SD_CHANGED
    assert driver.read(0)[0] == Result.SD_CHANGED
    assert driver.check() == Result.SD_CHANGED
    assert other.memory == {}
    sd_fake.lib().sd_card_forget(driver.pointer)
    assert driver.start() == Result.SD_OK
    assert driver.write(0, DATA) == Result.SD_OK


def test_a_card_that_comes_back_is_used_again() -> None:
    card = Card(memory={0: DATA})
    driver, controller = started(card)
    controller.card = Card(cid=OTHER)
    assert driver.read(0)[0] == Result.SD_CHANGED
    controller.card = None
    assert driver.read(0)[0] == Result.SD_NO_CARD
    card.command_0(0)
    controller.card = card
    assert driver.read(0) == (Result.SD_OK, DATA)


def test_a_card_that_is_there_is_asked_once() -> None:
    card = Card()
    driver, _ = started(card)
    card.commands.clear()
    assert driver.check() == Result.SD_OK
    assert indices(card.commands) == [13]


# --- eMMC ---


@pytest.mark.parametrize("hz", [25_000_000, 50_000_000])
def test_the_chip_of_a_compute_module_is_identified(hz: int) -> None:
    chip = Emmc()
    controller = Controller(chip)
    driver = Driver(controller, hz)
    assert driver.start() == Result.SD_OK
    assert driver.card.blocks == chip.blocks
    assert controller.hz == hz
    assert controller.registers[sd_fake.CONTROL0] & sd_fake.WIDE
    switched = [argument for index, argument in chip.commands if index == 6]
    assert switched == [0x03B70100] + [0x03B90100] * (hz == 50_000_000)
    assert driver.write(chip.blocks - 1, DATA) == Result.SD_OK
    assert driver.read(chip.blocks - 1) == (Result.SD_OK, DATA)
    assert driver.read(chip.blocks)[0] == Result.SD_RANGE


def test_a_chip_that_does_not_switch_is_refused() -> None:
    class Stubborn(Emmc):
        def command_6(self, argument: int) -> int:
            answer = self.r1()
            self.error = 1 << 7
            return answer

    assert Driver(Controller(Stubborn())).start() == Result.SD_REFUSED

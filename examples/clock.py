# SPDX-License-Identifier: MIT
"""Set a battery-backed clock on the I2C bus to one second before noon, and read it back.

For a DS3231 or DS1338, address 0x68. A DS1307 needs 5 V (pin 2) and a module whose pull-ups do not
go to 5 V.

Wiring:
    pin 1 (3.3 V)     VCC
    pin 3 (GPIO2)     SDA
    pin 5 (GPIO3)     SCL
    pin 9 (ground)    GND

On a board: pimem run examples/clock.py --port /dev/ttyUSB0
In QEMU: pimem run --device ds1338,bus=i2c-bus.1,address=0x68 examples/clock.py
"""

import time

from machine import I2C

ADDRESS = 0x68
SECONDS = 0  # the first of seven registers, each with two decimal digits

bus = I2C(1, freq=100_000)


def from_digits(byte):
    return (byte >> 4) * 10 + (byte & 15)


def to_digits(number):
    return number // 10 << 4 | number % 10


def read():
    """Return (year, month, day, hour, minute, second)."""
    data = bus.readfrom_mem(ADDRESS, SECONDS, 7)
    second, minute, hour, _, day, month, year = (from_digits(byte & 0x7F) for byte in data)
    return 2000 + year, month & 31, day, hour, minute, second


def write(year, month, day, hour, minute, second):
    weekday = (time.mktime((year, month, day, 0, 0, 0, 0, 0)) // 86400 + 3) % 7 + 1
    numbers = (second, minute, hour, weekday, day, month, year - 2000)
    bus.writeto_mem(ADDRESS, SECONDS, bytes(to_digits(number) for number in numbers))


write(2026, 6, 15, 11, 59, 59)
print("{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*read()))
time.sleep_ms(2000)
print("{:04}-{:02}-{:02} {:02}:{:02}".format(*read()[:5]))

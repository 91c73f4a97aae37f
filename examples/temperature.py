# SPDX-License-Identifier: MIT
"""Read the temperature from a sensor on the I2C bus, five times.

For a TMP102, TMP105, TMP75 or LM75, address 0x48. The board has the pull-ups.

Wiring:
    pin 1 (3.3 V)     V+
    pin 3 (GPIO2)     SDA
    pin 5 (GPIO3)     SCL
    pin 9 (ground)    GND and the address pins

On a board: pimem run examples/temperature.py --port /dev/ttyUSB0
In QEMU: pimem run --device tmp105,bus=i2c-bus.1,address=0x48 examples/temperature.py
"""

import time

from machine import I2C

ADDRESS = 0x48
TEMPERATURE = 0  # a register: degrees in the first byte, 1/256 in the second

bus = I2C(1, freq=100_000)


def celsius():
    high, low = bus.readfrom_mem(ADDRESS, TEMPERATURE, 2)
    value = high << 8 | low
    return (value - 0x10000 if value & 0x8000 else value) / 256


for _ in range(5):
    print(f"{celsius():.2f} degrees")
    time.sleep_ms(200)

# SPDX-License-Identifier: MIT
"""Count the runs of this program in an EEPROM on the I2C bus, which keeps its data without power.

For a 24C02, address 0x50. A 24C32 or larger has 16-bit memory addresses: see ADDRESS_BITS.

Wiring:
    pin 1 (3.3 V)     VCC
    pin 3 (GPIO2)     SDA
    pin 5 (GPIO3)     SCL
    pin 9 (ground)    GND, WP, A0, A1, A2

On a board: pimem run examples/eeprom.py --port /dev/ttyUSB0
In QEMU: pimem run --device at24c-eeprom,bus=i2c-bus.1,address=0x50,rom-size=256 examples/eeprom.py
"""

import time

from machine import I2C

ADDRESS = 0x50
ADDRESS_BITS = 8  # 16 for a 24C32 and larger
COUNT = 0  # the address of the number, which has four bytes

bus = I2C(1, freq=100_000)


def wait_until_written():
    """Poll the memory, which does not answer while it writes, for up to 5 ms."""
    for _ in range(20):
        try:
            bus.writeto(ADDRESS, b"")
            return
        except OSError:
            time.sleep_ms(1)
    raise OSError("the memory no longer answers")


count = int.from_bytes(bus.readfrom_mem(ADDRESS, COUNT, 4, addrsize=ADDRESS_BITS), "little")
count = 0 if count == 0xFFFFFFFF else count  # a new memory
count += 1
bus.writeto_mem(ADDRESS, COUNT, count.to_bytes(4, "little"), addrsize=ADDRESS_BITS)
wait_until_written()
print("this is start", count)

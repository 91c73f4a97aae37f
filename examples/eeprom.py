# SPDX-License-Identifier: MIT
"""Count the starts of this program in a memory on the I2C bus, which keeps the number.

Wiring of a 24C02 (address 0x50; larger ones have memory addresses of 16 bits, see ADDRESS_BITS):
SDA to pin 3 (GPIO2), SCL to pin 5 (GPIO3), VCC to pin 1 (3.3 V), GND, WP and the address pins to
pin 9 (ground).
In QEMU: pimem run --device at24c-eeprom,bus=i2c-bus.1,address=0x50,rom-size=256 examples/eeprom.py
"""

import time

from machine import I2C

ADDRESS = 0x50
ADDRESS_BITS = 8  # 16 for a 24C32 and larger
COUNT = 0  # where the number is, in four bytes

bus = I2C(1, freq=100_000)


def wait_until_written():
    """A memory does not answer while it writes, up to 5 ms."""
    for _ in range(20):
        try:
            bus.writeto(ADDRESS, b"")
            return
        except OSError:
            time.sleep_ms(1)
    raise OSError("the memory does not answer any more")


count = int.from_bytes(bus.readfrom_mem(ADDRESS, COUNT, 4, addrsize=ADDRESS_BITS), "little")
count = 0 if count == 0xFFFFFFFF else count  # as it is when new
count += 1
bus.writeto_mem(ADDRESS, COUNT, count.to_bytes(4, "little"), addrsize=ADDRESS_BITS)
wait_until_written()
print("this is start", count)

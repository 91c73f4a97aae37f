# SPDX-License-Identifier: MIT
"""Read the maker and the size of a flash memory on the SPI bus.

For a W25Q80 or another flash memory with the command 0x9f (read JEDEC identification). QEMU models
no chip select, so its flash answers one command after each start.

Wiring:
    pin 17 (3.3 V)    VCC, /WP, /HOLD
    pin 19 (GPIO10)   DI
    pin 21 (GPIO9)    DO
    pin 23 (GPIO11)   CLK
    pin 24 (GPIO8)    /CS
    pin 25 (ground)   GND

On a board: pimem run examples/flash_identity.py --port /dev/ttyUSB0
In QEMU: pimem run --device w25q80bl,bus=spi examples/flash_identity.py
"""

from machine import SPI, Pin

READ_IDENTITY = 0x9F

bus = SPI(0, 1_000_000)
select = Pin(8, Pin.OUT, value=1)

data = bytearray(4)
data[0] = READ_IDENTITY
select.off()
bus.write_readinto(data, data)
select.on()
maker, kind, size = data[1:]
if maker in (0x00, 0xFF):
    raise OSError("no flash answers")
print(f"maker 0x{maker:02x}, type 0x{kind:02x}, {1 << size >> 10} KiB")

# SPDX-License-Identifier: MIT
"""Ask a flash memory on the SPI bus who made it and how large it is.

Wiring of a W25Q80 or another one of that kind: DI to pin 19 (GPIO10, MOSI), DO to pin 21 (GPIO9,
MISO), CLK to pin 23 (GPIO11), /CS to pin 24 (GPIO8), VCC, /WP and /HOLD to pin 17 (3.3 V), GND to
pin 25 (ground). In QEMU, whose flash answers once after each start:
pimem run --device w25q80bl,bus=spi examples/flash_identity.py
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
    print("no flash answers")
else:
    print(f"maker 0x{maker:02x}, type 0x{kind:02x}, {1 << size >> 10} KiB")

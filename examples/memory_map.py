# SPDX-License-Identifier: MIT
"""Write a picture of the map of physical memory to /map.svg.

Copy it to your computer with `mpremote cp :/map.svg .` and open it in a browser.

Wiring: none.

On a board: pimem run examples/memory_map.py --port /dev/ttyUSB0
In QEMU: pimem run examples/memory_map.py --board RPI4
"""

import memory

PATH = "/map.svg"
WIDTH, ROW = 640, 24
COLORS = {"RAM": "#9ecae1", "reserved": "#fdae6b"}


def ranges():
    """Return the ranges of the boot report, sorted: (start, end, kind, name)."""
    report = memory.report()
    found = [(start, end, "RAM", "RAM") for start, end in report["ram"]]
    found += [(start, end, "reserved", name) for start, end, name in report["reserved"]]
    return sorted(found)


def size_text(size):
    units = ["GiB", "MiB", "KiB"]
    unit = "bytes"
    while size >= 1024 and units:
        size /= 1024
        unit = units.pop()
    return f"{size:g} {unit}"


def row(index, start, end, kind, name):
    y = index * ROW
    box = f'<rect y="{y}" width="{WIDTH}" height="{ROW}" fill="{COLORS[kind]}" stroke="white"/>'
    text = f"{start:012x}-{end:012x}  {name}, {size_text(end - start)}"
    return f'{box}\n<text x="8" y="{y + ROW - 7}">{text}</text>\n'


found = ranges()
height = ROW * len(found)
with open(PATH, "w") as svg:
    svg.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" ')
    svg.write('font-family="monospace" font-size="14">\n')
    for index, item in enumerate(found):
        svg.write(row(index, *item))
    svg.write("</svg>\n")
print(PATH, "shows", len(found), "ranges")

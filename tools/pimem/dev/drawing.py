# SPDX-License-Identifier: MIT
"""A small drawing in SVG, legible on a light and on a dark page."""

from __future__ import annotations

from xml.sax.saxutils import escape

STYLE = """\
<style>
.page{fill:#ffffff}.ink{fill:#1f2328}.dim{fill:#57606a}.dark{fill:#1f2328}
.line{stroke:#57606a;fill:none;stroke-width:1.5}.tip{fill:#57606a}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}.ink{fill:#e6edf3}.dim{fill:#9198a1}.line{stroke:#9198a1}.tip{fill:#9198a1}
}
</style>"""
#: Fills on which dark text is legible in both modes.
BLUE, GREEN, ORANGE, PURPLE, GREY = "#a5c8f0", "#b7dfb9", "#f3c58b", "#d9b8e6", "#d0d7de"
RED, YELLOW = "#f0a8a8", "#f2df8d"


class Drawing:
    """Boxes, words and arrows; coordinates are pixels from the upper left corner."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        self.title = title
        self.body: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, *, tip: str = ""
    ) -> None:
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self.body.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            f'fill="{fill}">{title}</rect>'
        )

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        self.body.append(
            f'<rect class="line" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'
        )

    def text(
        self, x: float, y: float, words: str, *, ink: str = "ink", anchor: str = "start"
    ) -> None:
        """`ink` is 'ink' or 'dim' on the page, 'dark' on a filled box."""
        self.body.append(
            f'<text class="{ink}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">'
            f"{escape(words)}</text>"
        )

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw a line through the points, its head at the last, which it enters from the left."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        x, y = points[-1]
        self.body.append(f'<polyline class="line" points="{path}"/>')
        head = f"{x:g},{y:g} {x - 9:g},{y - 4:g} {x - 9:g},{y + 4:g}"
        self.body.append(f'<polygon class="tip" points="{head}"/>')

    def svg(self) -> str:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {self.size} font-size="13"'
        lines = [
            f'{head} font-family="monospace">',
            f"<title>{escape(self.title)}</title>",
            STYLE,
            '<rect class="page" width="100%" height="100%"/>',
            *self.body,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

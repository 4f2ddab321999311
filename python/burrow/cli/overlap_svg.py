"""What images share, as a picture: circles for two or three, bars for more."""

from __future__ import annotations

import math
from html import escape

from burrow.cli.tables import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    Region = tuple[tuple[int, ...], int, int]  # images, files, bytes
    Circle = tuple[float, float, float]  # x, y, radius

_COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756")
_WIDTH = 720
_LARGEST = 170.0


def overlap_svg(names: "list[str]", regions: "list[Region]") -> str:
    """An SVG document; areas stand for bytes."""
    if len(names) <= 3:
        height, body = 560, _venn(names, regions)
    else:
        height, body = 60 + 34 * len(regions), _bars(names, regions)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif"'
        ' font-size="13">\n<rect width="100%%" height="100%%" fill="white"/>\n%s</svg>\n'
        % (_WIDTH, height, body)
    )


def _shared(regions: "list[Region]", *images: int) -> float:
    """Bytes that all of these have, whoever else has them."""
    return float(sum(count for members, _, count in regions if set(images) <= set(members)))


def circles(count: int, regions: "list[Region]") -> "list[Circle]":
    """Areas stand for the images' bytes; each pair's overlap for what it shares."""
    totals = [_shared(regions, image) for image in range(count)]
    scale = _LARGEST / math.sqrt(max(max(totals), 1.0))
    radii = [max(4.0, scale * math.sqrt(total)) for total in totals]

    def distance(a: int, b: int) -> float:
        return _distance(radii[a], radii[b], math.pi * scale * scale * _shared(regions, a, b))

    placed = [(0.0, 0.0, radii[0]), (distance(0, 1), 0.0, radii[1])]
    if count == 3:
        ab, ac, bc = placed[1][0], distance(0, 2), distance(1, 2)
        x = (ac * ac - bc * bc + ab * ab) / (2 * ab) if ab else 0.0
        x = max(-ac, min(ac, x))
        placed.append((x, math.sqrt(max(0.0, ac * ac - x * x)), radii[2]))
    left = min(x - r for x, _, r in placed)
    right = max(x + r for x, _, r in placed)
    top = min(y - r for _, y, r in placed)
    shift = (_WIDTH - (right - left)) / 2 - left
    fit = min(1.0, (_WIDTH - 40) / (right - left))
    if fit < 1.0:
        shift = 20 - left * fit
    return [(x * fit + shift, (y - top) * fit + 50, r * fit) for x, y, r in placed]


def lens(r: float, s: float, distance: float) -> float:
    """The area that two circles share."""
    if distance >= r + s:
        return 0.0
    if distance <= abs(r - s):
        return math.pi * min(r, s) ** 2
    a = math.acos((distance**2 + r * r - s * s) / (2 * distance * r))
    b = math.acos((distance**2 + s * s - r * r) / (2 * distance * s))
    return r * r * (a - math.sin(2 * a) / 2) + s * s * (b - math.sin(2 * b) / 2)


def _distance(r: float, s: float, area: float) -> float:
    """How far apart circles are that share this area."""
    low, high = abs(r - s), r + s
    for _ in range(60):
        middle = (low + high) / 2
        if lens(r, s, middle) > area:
            low = middle
        else:
            high = middle
    return high


def _venn(names: "list[str]", regions: "list[Region]") -> str:
    placed = circles(len(names), regions)
    parts = []
    for i, (x, y, r) in enumerate(placed):
        parts.append(
            '<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" fill-opacity="0.35" stroke="%s"/>\n'
            % (x, y, r, _COLOURS[i], _COLOURS[i])
        )
    for i, name in enumerate(names):
        parts.append(_text(24, 20 + 16 * i, name, _COLOURS[i], "start", bold=True))
    for images, files, count in regions:
        x, y = _label_place(images, placed)
        parts.append(_text(x, y, size(count)))
        parts.append(_text(x, y + 15, "%d files" % files, "#555"))
    return "".join(parts)


def _label_place(images: "tuple[int, ...]", placed: "list[Circle]") -> "tuple[float, float]":
    """The point deepest inside exactly these circles, on a grid."""
    best, place = -math.inf, (placed[images[0]][0], placed[images[0]][1])
    x0 = min(x - r for x, _, r in placed)
    x1 = max(x + r for x, _, r in placed)
    y0 = min(y - r for _, y, r in placed)
    y1 = max(y + r for _, y, r in placed)
    for row in range(61):
        for column in range(61):
            x, y = x0 + (x1 - x0) * column / 60, y0 + (y1 - y0) * row / 60
            depth = math.inf
            for i, (cx, cy, r) in enumerate(placed):
                inside = r - math.hypot(x - cx, y - cy)
                depth = min(depth, inside if i in images else -inside)
            if depth > best:
                best, place = depth, (x, y)
    return place


def _bars(names: "list[str]", regions: "list[Region]") -> str:
    most = max((count for _, _, count in regions), default=1) or 1
    parts = []
    for row, (images, files, count) in enumerate(sorted(regions, key=lambda r: -r[2])):
        y = 24 + 34 * row
        for i in range(len(names)):
            fill = _COLOURS[i] if i in images else "#e5e5e5"
            parts.append('<circle cx="%d" cy="%d" r="6" fill="%s"/>\n' % (24 + 18 * i, y, fill))
        width = max(1.0, 340.0 * count / most)
        parts.append(
            '<rect x="130" y="%d" width="%.1f" height="16" fill="#9aa5b1"/>\n' % (y - 8, width)
        )
        label = "%s, %d files" % (size(count), files)
        parts.append(_text(138 + width, y + 5, label, "#222", "start"))
    for i, name in enumerate(names):
        x = 24 + i * (_WIDTH - 48) / len(names)
        parts.append(_text(x, 44 + 34 * len(regions), name, _COLOURS[i], "start", bold=True))
    return "".join(parts)


def _text(
    x: float, y: float, text: str, fill: str = "#222", anchor: str = "middle", bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return '<text x="%.1f" y="%.1f" fill="%s" text-anchor="%s"%s>%s</text>\n' % (
        x,
        y,
        fill,
        anchor,
        weight,
        escape(text),
    )

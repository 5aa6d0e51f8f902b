#!/usr/bin/env python3
"""frontier_chart.py - draws what apart.sh measured for several picture_share as a chart, SVG on stdout.

    frontier_chart.py runs.tsv >docs/measured/pictures-frontier.svg

To the right: label mAP, the mean of both directions. Up: how often a caption finds its own photo among the first ten, by the codes alone
and in the fine order. A point is the mean of the seeds, its cross their standard deviations.
"""
import re
import statistics
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 60, 20, 20, 50
SERIES = (("fine order", 6, "#1f77b4"), ("codes alone", 5, "#d62728"))  # name, column of the table, colour


def points_of(path, default_share):
    """Rows of the data `five` by their share: [(share, [cells of a seed])]."""
    by_share = {}
    with open(path) as table:
        for line in table:
            cells = line.rstrip("\n").split("\t")
            share = re.fullmatch(r"--set picture_share=([0-9.]+)", cells[2])
            if cells[0] == "five" and (share or not cells[2]):
                by_share.setdefault(float(share[1]) if share else default_share, []).append(cells)
    return sorted(by_share.items())


def mean_and_deviation(values):
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0


def main():
    points = points_of(sys.argv[1], 0.36)
    numbers = {(share, name): (mean_and_deviation([(float(c[3]) + float(c[4])) / 2 for c in rows]),
                               mean_and_deviation([float(c[column]) for c in rows]))
               for share, rows in points for name, column, _ in SERIES}
    low_x, high_x = 0.65, 0.8
    low_y, high_y = 0.15, 0.55
    at_x = lambda v: LEFT + (v - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)
    at_y = lambda v: HEIGHT - BOTTOM - (v - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="sans-serif" font-size="12">'
           % (WIDTH, HEIGHT, WIDTH, HEIGHT),
           "<title>Label mAP and recall of the own photo for several picture_share</title>",
           '<rect width="100%" height="100%" fill="#fff"/>']
    for i in range(4):
        x = low_x + i * 0.05
        out.append('<path d="M%.1f %d V%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%.2f</text>'
                   % (at_x(x), TOP, HEIGHT - BOTTOM, at_x(x), HEIGHT - BOTTOM + 16, x))
    for i in range(5):
        y = low_y + i * 0.1
        out.append('<path d="M%d %.1f H%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.2f</text>'
                   % (LEFT, at_y(y), WIDTH - RIGHT, LEFT - 6, at_y(y) + 4, y))
    out.append('<text x="%d" y="%d" text-anchor="middle">label mAP, mean of both directions</text>' % ((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12))
    out.append('<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">R@10 of the own photo</text>' % ((TOP + HEIGHT - BOTTOM) / 2))
    for name, _, colour in SERIES:
        line = [numbers[share, name] for share, _ in points]
        out.append('<polyline fill="none" stroke="%s" points="%s"/>' % (colour, " ".join("%.1f,%.1f" % (at_x(x[0]), at_y(y[0])) for x, y in line)))
        for (share, _), (x, y) in zip(points, line):
            out.append('<path stroke="%s" d="M%.1f %.1f H%.1f M%.1f %.1f V%.1f"/>'
                       % (colour, at_x(x[0] - x[1]), at_y(y[0]), at_x(x[0] + x[1]), at_x(x[0]), at_y(y[0] - y[1]), at_y(y[0] + y[1])))
            out.append('<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/><text x="%.1f" y="%.1f">%g</text>'
                       % (at_x(x[0]), at_y(y[0]), colour, at_x(x[0]) + 6, at_y(y[0]) + (14 if share == points[0][0] else -6), share))
        x, y = line[0]
        out.append('<text x="%.1f" y="%.1f" fill="%s" text-anchor="middle">%s</text>' % (at_x(x[0]), at_y(y[0]) + 30, colour, name))
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main()

"""What the tuner's live benches leave to read: a table, report.txt and report.json, and how the best known configuration came about
(convergence.csv, convergence.svg)."""
import csv
import io
import json
import math
from xml.sax.saxutils import escape

COLOURS = {"allowed": "#1f6feb", "never": "#bf6a02"}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 420, 60, 20, 46, 44


def shown(value, decimals):
    return "-" if value is None or not math.isfinite(value) else f"{value:.{decimals}f}"


def table(head, rows):
    """Aligned columns, the first to the left."""
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))) for r in [head, *rows])


def known(x):
    """The same without NaN and infinity, which JSON does not have: null."""
    if isinstance(x, dict):
        return {k: known(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [known(v) for v in x]
    return None if isinstance(x, float) and not math.isfinite(x) else x


def write_report(run, text, facts):
    print(text, flush=True)
    run.write("report.txt", text + "\n")
    run.write("report.json", json.dumps(known(facts), indent=1))


def gains(rows):
    """How much better than the default the configuration in force is after each trial, by the effects of those that were kept."""
    total, out = 0.0, []
    for row in rows:
        if row["kept"] and row["effect"] is not None:
            total += row["effect"]
        out.append(math.exp(total))
    return out


def convergence(run, trials):
    """trials: {arm: rows of its journal}"""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["arm", "trial", "planner", "verdict", "kept", "effect", "lo", "hi", "gain_so_far", "tps", "p99_ms", "degraded_s", "restarts", "seconds", "proposal"])
    for arm, rows in trials.items():
        for row, gain in zip(rows, gains(rows)):
            out.writerow([arm, row["trial"], row["planner"], row["verdict"], row["kept"], row["effect"], row["lo"], row["hi"], f"{gain:.4f}", row["tps"], row["p99_ms"], row["degraded_s"],
                          row["restarts"], row["seconds"], row["proposal"]])
    run.write("convergence.csv", text.getvalue())
    run.write("convergence.svg", svg(trials))


def svg(trials):
    """A step line for each arm, what is in force after each trial, with a dot for each trial: full where it was kept."""
    last = max([1, *(len(rows) for rows in trials.values())])
    top = max([1.2, *(g for rows in trials.values() for g in gains(rows))]) * 1.05
    bottom = min([0.95, *(g for rows in trials.values() for g in gains(rows))])
    x = lambda n: LEFT + (WIDTH - LEFT - RIGHT) * n / last                                       # noqa: E731
    y = lambda g: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (g - bottom) / (top - bottom)      # noqa: E731
    step = next(s for s in (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, math.inf) if (top - bottom) / s <= 8)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             f'<text x="{LEFT}" y="20" font-size="14">Throughput against the default, by the verdicts so far</text>']
    for i in range(math.ceil(bottom / step), math.floor(top / step) + 1):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(i * step):.1f}" y2="{y(i * step):.1f}" stroke="{"#888" if i * step == 1 else "#ddd"}"/>'
                     f'<text x="{LEFT - 8}" y="{y(i * step) + 4:.1f}" text-anchor="end">x{i * step:g}</text>')
    for n in range(0, last + 1, max(1, last // 9)):
        parts.append(f'<text x="{x(n):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{n}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">trial</text>')
    for k, (arm, rows) in enumerate(trials.items()):
        colour, path = COLOURS.get(arm, "#555"), f"M{x(0):.1f} {y(1.0):.1f}"
        for row, gain in zip(rows, gains(rows)):
            path += f"H{x(row['trial']):.1f}V{y(gain):.1f}"
            what = escape(f"{row['trial']}: {row['verdict']}, {'kept' if row['kept'] else 'put back'}: {row['proposal']}")
            parts.append(f'<circle cx="{x(row["trial"]):.1f}" cy="{y(gain):.1f}" r="4" stroke="{colour}" fill="{colour if row["kept"] else "#fff"}"><title>{what}</title></circle>')
        parts.insert(3, f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + 160 * k}" y="38" fill="{colour}">restarts {escape(arm)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"

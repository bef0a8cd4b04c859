"""What the demo was worth, for a person (report.txt) and for bench/run (report.json)."""
import json
import math
import os


def geometric(values):
    """Their geometric mean; 0 where one of them is, NAN of none."""
    return math.nan if not values else math.exp(sum(map(math.log, values)) / len(values)) if all(values) else 0.0


def ratio(after, before):
    """NAN where one of them is not known, and beside a default that did nothing."""
    return after / before if before and after is not None else math.nan


def shown(ms):
    return "-" if ms is None else f"{ms:.0f}"


def times(x):
    return "unknown" if math.isnan(x) else f"x{x:.2f}"


def print_report(result, folder):
    lines = ["", "Report", f"  profile: {result['profile']}", ""]
    lines.append("  Every change, with its verdict:")
    for o in result.get("kept", []):
        verdict = o.get("verdict") or {}
        title = (o.get("proposal") or {}).get("title") or o["planner"]
        effect = o.get("effect")
        change = f"{100 * (math.exp(effect) - 1):+.0f} % [{100 * (math.exp(o['lo']) - 1):+.0f}, {100 * (math.exp(o['hi']) - 1):+.0f}]" if isinstance(effect, (int, float)) and isinstance(o.get("lo"), (int, float)) and abs(o["lo"]) < 50 else "-"
        lines.append(f"    {'kept    ' if o['kept'] else 'put back'}  {o['result']:<10} {change:<22} {title}")
        if verdict.get("why"):
            lines.append(f"              {verdict['why']}")
    if not result.get("kept"):
        lines.append("    none")
    lines += ["", "  Final configuration (beside the default):"]
    for name, value in sorted(result.get("final_settings", {}).items()):
        lines.append(f"    {name} = {value}")
    rounds = result.get("rounds", [])
    if rounds:
        lines += ["", "  Default against final, interleaved, one CHECKPOINT inside each window:", "    round   default TPS   final TPS   ratio   default p99   final p99 (open loop, same rate)"]
        for i, r in enumerate(rounds):
            d, f = r["default"], r["final"]
            lines.append(f"    {i + 1:>5}   {d['tps']:>11.1f}   {f['tps']:>9.1f}   {ratio(f['tps'], d['tps']):>5.2f}   {shown(d['p99_ms']):>8} ms   {shown(f['p99_ms']):>6} ms")
        tps = geometric([ratio(r["final"]["tps"], r["default"]["tps"]) for r in rounds])
        # A round in which nothing was answered has no p99, least of all a good one: then there is none of all rounds.
        p99 = geometric([ratio(r["final"]["p99_ms"], r["default"]["p99_ms"]) for r in rounds])
        result["tps_ratio"], result["p99_ratio"] = (None if math.isnan(x) else x for x in (tps, p99))   # JSON knows no NaN
        lines.append(f"    throughput {times(tps)}, p99 {times(p99)}, crash recovery {result['recovery_s']['default']:.1f} s -> {result['recovery_s']['final']:.1f} s")
    text = "\n".join(lines)
    print(text, flush=True)
    with open(os.path.join(folder, "report.txt"), "w") as f:
        f.write(text + "\n")
    with open(os.path.join(folder, "report.json"), "w") as f:
        json.dump(result, f, indent=1)
    return 0

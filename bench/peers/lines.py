"""What the comparisons print: a JSON line for each stage and peer, as bench/run.sh's other lines are."""

import json


def say(row, stage, unit, ours, peer, theirs, **more):
    """`ratio` is how many times as much the peer takes."""
    line = {"row": row, "stage": stage, "unit": unit, "figure": round(ours, 3), "peer": peer,
            "peer_figure": round(theirs, 3), "ratio": round(theirs / ours, 2)}
    print(json.dumps(line | more), flush=True)


def quantiles(times):
    """Median and the 99th of a hundred."""
    ranked = sorted(times)
    return ranked[len(ranked) // 2], ranked[(len(ranked) - 1) * 99 // 100]

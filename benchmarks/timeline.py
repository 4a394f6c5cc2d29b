"""Draw a job's way as a picture, for `benchmarks.whole_job`: its steps in, an SVG out.

    .venv-bench/bin/python -m benchmarks.timeline PICTURE

reads JSON from standard input: `stages` from the top down, which of them is the `provider`'s, and
`steps`, each a stage, a begin and an end in seconds.
"""

import json
import sys

import matplotlib

OURS, PROVIDERS = "#2f6f8f", "#d0d0d0"


def main(picture: str) -> None:
    matplotlib.use("svg")
    # Text stays text, and the same steps give the same file.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "avatars", "font.size": 10}
    from matplotlib import pyplot

    job = json.loads(sys.stdin.read())
    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    for stage, begin, end in job["steps"]:
        colour = PROVIDERS if stage == job["provider"] else OURS
        axes.barh(stage, end - begin, left=begin, color=colour)
    for stage in job["stages"]:
        bars = [(begin, end) for name, begin, end in job["steps"] if name == stage]
        seconds = sum(end - begin for begin, end in bars)
        axes.annotate(f" {seconds:.2f} s", (bars[-1][1], stage), va="center", fontsize=9)
    axes.set_ylim(len(job["stages"]) - 0.5, -0.5)
    axes.set_xlabel("seconds since the last photo was dropped")
    axes.set_xlim(0, 1.12 * job["steps"][-1][2])
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])

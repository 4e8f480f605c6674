"""The report of the speed benchmark: a table, goals with their figures, a picture and a JSON file."""

import io
import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_info

from .speed_results import Goal, Measurement, Results, find_goals
from .speed_workloads import PEERS

# The colour-blind can tell these colours apart (M. Okabe and K. Ito). The markers differ in shape too.
COLORS = {"scikit-learn": "#E69F00", "PyTorch": "#D55E00", "JAX": "#0072B2", "peak": "#009E73"}
MARKERS = {"scikit-learn": "s", "PyTorch": "^", "JAX": "o"}
# The largest width of printed lines.
WIDTH = 160


# Text.


def _render(*renderables) -> str:
    console = Console(file=io.StringIO(), width=WIDTH)
    for renderable in renderables:
        console.print(renderable)
    return console.file.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def format_table(results: Results) -> str:
    """Return a table with, for each workload, the ratios by number of threads, the best ratios, and the losses."""
    table = Table(box=SIMPLE_HEAD)
    for name in ("workload", "skinit", *PEERS, "of the peak", "goal"):
        table.add_column(name, justify="left" if name in ("workload", "goal") else "right", no_wrap=True)
    for workload in results.workloads:
        table.add_row(workload.name)
        ours = results.best(workload, "skinit")
        for threads in results.threads:
            own = results.best(workload, "skinit", threads)
            table.add_row(
                f"  {threads} thread{'s' * (threads > 1)}",
                _number(own.median / ours.median if own and ours else None),
                *(_number(results.ratio(workload, peer, threads)) for peer in PEERS),
                _number(results.peak_fraction(workload, threads)),
            )
        ways = [results.best(workload, library) for library in ("skinit", *PEERS)]
        ratio = results.ratio_to_best_peer(workload)
        table.add_row(
            "  best",
            *(
                ""
                if way is None
                else f"{way.median / ours.median:.2f} ({', '.join(filter(None, [way.variant, str(way.threads)]))})"
                for way in ways
            ),
            _number(results.peak_fraction(workload)),
            "" if ratio is None else f"{workload.goal:.1f} {'met' if ratio >= workload.goal else 'not met'}",
        )
        table.add_row(
            "  loss" if workload.task == "fit" else "  result",
            *("" if way is None or way.check is None else f"{way.check:.9g}" for way in ways),
            "",
            f"within {results.disagreement(workload):.0e}{'' if results.agrees(workload) else ' !'}",
            end_section=True,
        )
    return _render(table)


def format_goals(goals: Sequence[Goal]) -> str:
    table = Table(box=SIMPLE_HEAD)
    for name in ("what", "goal", "figure", ""):
        table.add_column(name, no_wrap=True)
    for goal in goals:
        table.add_row(goal.what, goal.goal, goal.figure, "met" if goal.met else "not met")
    return _render(table)


def format_short_table(results: Results) -> str:
    """Return the table of the README, in Markdown."""
    lines = ["| workload | scikit-learn | PyTorch | JAX | 2 cores | peak |", "| --- | --- | --- | --- | --- | --- |"]
    for workload in results.workloads:
        scaling = results.scaling(workload)
        numbers = [
            *(results.ratio(workload, peer) for peer in PEERS),
            scaling if workload.scaling_goal is not None else None,
            results.peak_fraction(workload, threads=1),
        ]
        digits = (1, 1, 1, 1, 2)
        cells = ["" if number is None else f"{number:.{n}f}" for number, n in zip(numbers, digits, strict=True)]
        lines.append(f"| {' | '.join([workload.name, *cells])} |")
    return "\n".join(lines) + "\n"


EXPLANATION = """\
Ratios say how many times faster skinit is: the median time of the library divided by skinit's. In rows for a number of
threads, each library has that many, and skinit's column is its time divided by its best. In the row "best", each
library has its fastest way and number of threads, which are in brackets. of the peak: the part of skinit's time that
the multiply-adds of its products would take on numbers in registers, measured in the same run. loss: the mean over the
training rows after the last epoch, from the weights of each library. result: the mean label of predictions, the norm of
the last Hessian product, or the number of fits of a search."""


def describe_machine(versions: dict[str, str]) -> dict:
    """Return the facts about the machine that a reader needs to compare figures."""
    model = platform.processor()
    cpu_information = Path("/proc/cpuinfo")
    if cpu_information.exists():
        lines = [line.split(":", 1) for line in cpu_information.read_text().splitlines() if ":" in line]
        fields = {key.strip(): value.strip() for key, value in lines}
        model = fields.get("model name", model)
        flags = fields.get("flags", "").split()
        widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
        model += f" ({widest})" if widest else ""
    blas = {
        f"{library['internal_api']} {library['version']}, {library.get('architecture', '')}".rstrip(", ")
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    return {
        "processor": model,
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "BLAS of numpy and scipy": sorted(blas),
        **versions,
    }


def format_summary(results: Results, goals: Sequence[Goal], machine: dict, settings: dict, absent: dict) -> str:
    """Return the whole printed report."""
    blocks = []
    if results.workloads:
        blocks += [format_table(results), EXPLANATION]
        remarks = [f"{workload.name}: {workload.remark}." for workload in results.workloads if workload.remark]
        apart = [workload.name for workload in results.workloads if not results.agrees(workload)]
        if apart:
            remarks.append(f"! Not the same work, because results differ by more than rounding: {', '.join(apart)}.")
        blocks.append("\n".join(remarks))
        noise = {workload.name: results.best(workload, "skinit").noise for workload in results.workloads}
        noisiest = max(noise, key=noise.__getitem__)
        blocks.append(
            "Noise of skinit's times, as half of the interquartile range divided by the median: "
            f"{median(noise.values()):.1%} at the median workload, {noise[noisiest]:.1%} at most ({noisiest})."
        )
    if absent:
        blocks.append("\n".join(f"Absent: {name}: {reason}" for name, reason in absent.items()))
    blocks.append(format_goals(goals))
    described = {**machine, **settings}.items()
    blocks.append("\n".join(f"{n}: {', '.join(v) if isinstance(v, list) else v}" for n, v in described))
    return "\n\n".join(block.strip("\n") for block in blocks if block)


def _absences(measurements: Iterable[Measurement]) -> dict[str, str]:
    """Return what was not measured, and why."""
    absent: dict[str, str] = {}
    for measurement in measurements:
        if measurement.absent:
            name = measurement.library
            if measurement.variant:
                name += f" {measurement.variant}, {measurement.workload}"
            absent.setdefault(name, measurement.absent)
    return absent


# Picture.


def _label(ax, text: str, point: tuple[float, float]) -> None:
    """Write a number to the right of a point, with an outline so that it can be read on lines."""
    from matplotlib.patheffects import withStroke

    outline = [withStroke(linewidth=2.5, foreground="white")]
    ax.annotate(
        text, point, (6, 0), textcoords="offset points", va="center", fontsize=7.5, path_effects=outline, zorder=5
    )


def _draw_ratios(ax, results: Results, places: np.ndarray) -> None:
    largest, smallest = 2.0, 0.9
    # The points of a workload are drawn side by side.
    for shift, peer in zip((0.25, 0.0, -0.25), PEERS, strict=True):
        ratios = [results.ratio(workload, peer) for workload in results.workloads]
        points = [(ratio, place + shift) for place, ratio in zip(places, ratios, strict=True) if ratio is not None]
        if not points:
            continue
        ax.plot(*zip(*points, strict=True), MARKERS[peer], color=COLORS[peer], markersize=6, label=peer)
        for point in points:
            largest, smallest = max(largest, point[0]), min(smallest, point[0])
            _label(ax, f"{point[0]:.1f}" if point[0] >= 1 else f"{point[0]:.2f}", point)
    goals = [workload.goal for workload in results.workloads]
    ax.vlines(goals, places - 0.45, places + 0.45, color="black", linewidth=1.2, linestyle=":", label="goal")
    ax.axvline(1, color="black", linewidth=1)
    ax.set_xscale("log")
    low, high = smallest / 1.15, largest * 1.35
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    ax.set_xlim(low, high)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel("how many times faster skinit is")


def _draw_peak_fractions(ax, results: Results, places: np.ndarray) -> None:
    largest = 1.0
    for place, workload in zip(places, results.workloads, strict=True):
        fraction = results.peak_fraction(workload, results.threads[0])
        if fraction is None:
            continue
        largest = max(largest, fraction)
        ax.barh(place, fraction, height=0.55, color=COLORS["peak"])
        _label(ax, f"{fraction:.2f}", (fraction, place))
        if workload.peak_goal is not None:
            ax.vlines(workload.peak_goal, place - 0.45, place + 0.45, color="black", linewidth=1.2, linestyle=":")
    ax.set_xlim(0, largest * 1.15)
    ax.set_xlabel("part of the processor's\npeak on one core")


def draw(results: Results, path: Path) -> None:
    """Draw ratios at the best number of threads on the left, and fractions of the peak on one core on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    workloads = results.workloads
    places = np.arange(len(workloads))[::-1]
    figure = Figure(figsize=(11, 1.2 + 0.45 * len(workloads)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[2.2, 1], sharey=True)
    _draw_ratios(left, results, places)
    _draw_peak_fractions(right, results, places)
    left.set_yticks(places, [workload.name for workload in workloads])
    left.set_ylim(-0.5, len(workloads) - 0.5)
    for ax in (left, right):
        for place in places[::2]:
            ax.axhspan(place - 0.5, place + 0.5, color="#f2f2f2", linewidth=0, zorder=0)
        for spine in ("top", "right", "left"):
            ax.spines[spine].set_visible(False)
        ax.tick_params(axis="y", length=0)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    figure.savefig(path, dpi=110)


# The whole report.


def write_report(
    measurements: Sequence[Measurement],
    first_fits: dict[str, list[float]],
    versions: dict[str, str],
    repeat: int,
    load_before: float,
    out: Path,
) -> None:
    """Write the tables, goals, picture and JSON file to `out`, and print the summary."""
    results = Results(measurements)
    goals = find_goals(results, first_fits)
    machine = describe_machine(versions)
    settings = {"runs of each": repeat, "load of the machine before": round(load_before, 2)}
    summary = format_summary(results, goals, machine, settings, _absences(measurements))
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.txt").write_text(summary + "\n")
    report = {
        "machine": machine,
        "settings": settings,
        "measurements": [asdict(measurement) for measurement in measurements],
        "seconds of first fits": first_fits,
        "goals": [asdict(goal) for goal in goals],
    }
    (out / "speed.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "table.md").write_text(format_short_table(results))
    written = ["summary.txt", "table.md", "speed.json"]
    if results.workloads:
        draw(results, out / "speed.png")
        written.append("speed.png")
    print(f"\n{summary}\n\n{', '.join(str(out / name) for name in written)}")

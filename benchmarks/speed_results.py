"""The results of the speed benchmark: medians, ratios, fractions, and goals with their figures."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import geometric_mean, median

import numpy as np

from .speed_workloads import GROWTH, GROWTH_ROWS, PEERS, WORKLOADS, Workload

# Losses may differ by this fraction for the work to count as equal. Adam takes a whole step for a gradient of any size,
# even if it is only rounding. In float32, two ways of one library end up to 1e-3 apart.
LOSS_TOLERANCE = {"float64": 1e-6, "float32": 1e-2}
# Times and memory count as constant up to this ratio.
FLATNESS = 1.1


@dataclass
class Measurement:
    """Measurements of one way of a library to do a workload, with a number of threads.

    Attributes
    ----------
    absent : str
        Why it was not measured. Empty if it was.
    seconds : list of float
        The time of each counted run.
    check : float or None
        A number that is equal for equal work, such as the final loss of a fit.
    memory : int or None
        The most bytes that a run needs in addition.
    """

    workload: str
    library: str
    variant: str
    threads: int
    absent: str = ""
    seconds: list[float] = field(default_factory=list)
    check: float | None = None
    memory: int | None = None

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def noise(self) -> float:
        """Half of the interquartile range, relative to the median."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float((high - low) / 2 / self.median)


@dataclass(frozen=True)
class Goal:
    """A goal, its figure, and whether it is met."""

    what: str
    goal: str
    figure: str
    met: bool

    @classmethod
    def at_least(cls, least: float, what: str, figure: float) -> "Goal":
        return cls(what, f"at least {least:g}", f"{figure:.2f}", bool(figure >= least))

    @classmethod
    def at_most(cls, most: float, what: str, figure: float, unit: str = "") -> "Goal":
        return cls(what, f"at most {most:g}{unit}", f"{figure:.3g}{unit}", bool(figure <= most))


class Results:
    """Medians, ratios and fractions.

    Parameters
    ----------
    measurements : iterable of Measurement
    """

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self.measurements = [measurement for measurement in measurements if not measurement.absent]
        measured = {measurement.workload for measurement in self.measurements if measurement.library == "skinit"}
        self.workloads = [workload for workload in WORKLOADS if workload.name in measured]
        self.threads = sorted({measurement.threads for measurement in self.measurements})

    def best(self, workload: Workload, library: str, threads: int | None = None) -> Measurement | None:
        """Return the fastest way of a library, over all numbers of threads if none is given."""
        ways = [
            measurement
            for measurement in self.measurements
            if (measurement.workload, measurement.library) == (workload.name, library)
            and threads in (None, measurement.threads)
        ]
        return min(ways, key=lambda way: way.median, default=None)

    def ratio(self, workload: Workload, library: str, threads: int | None = None) -> float | None:
        """Return how many times as fast skinit is."""
        theirs, ours = self.best(workload, library, threads), self.best(workload, "skinit", threads)
        return None if theirs is None or ours is None else theirs.median / ours.median

    def peak_fraction(self, workload: Workload, threads: int | None = None) -> float | None:
        """Return the part of skinit's time that its multiply-adds would take at the processor's peak."""
        return self.ratio(workload, "peak", threads)

    def scaling(self, workload: Workload) -> float | None:
        """Return how many times as fast skinit is on two cores as on one."""
        one, two = (self.best(workload, "skinit", threads) for threads in (1, 2))
        return None if one is None or two is None else one.median / two.median

    def gain_of_threads(self, workload: Workload) -> float | None:
        """Return how many times as fast skinit is with threads of its choice as with one thread, in one process."""
        medians = {
            measurement.variant: measurement.median
            for measurement in self.measurements
            if (measurement.workload, measurement.library) == (workload.name, "skinit") and measurement.threads > 1
        }
        return medians["one thread"] / medians[""] if "one thread" in medians else None

    def ratios(self, library: str) -> list[float]:
        """Return the ratios of all workloads that the library can do."""
        found = [self.ratio(workload, library) for workload in self.workloads]
        return [ratio for ratio in found if ratio is not None]

    def ratio_to_best_peer(self, workload: Workload) -> float | None:
        found = [self.ratio(workload, peer) for peer in PEERS]
        return min((ratio for ratio in found if ratio is not None), default=None)

    def checks(self, workload: Workload) -> list[float]:
        """Return the final losses, or other numbers that show equal work, of all measurements of a workload."""
        return [
            measurement.check
            for measurement in self.measurements
            if measurement.workload == workload.name and measurement.check is not None
        ]

    def disagreement(self, workload: Workload) -> float:
        """Return the largest relative difference between two of these numbers."""
        checks = self.checks(workload)
        return (max(checks) - min(checks)) / max(abs(check) for check in checks)

    def agrees(self, workload: Workload) -> bool:
        return self.disagreement(workload) <= LOSS_TOLERANCE[workload.dtype]


# Goals.


def _goals_against_peers(results: Results) -> list[Goal]:
    best = {workload: results.ratio_to_best_peer(workload) for workload in results.workloads}
    best = {workload: ratio for workload, ratio in best.items() if ratio is not None}
    goals = [
        Goal.at_least(workload.goal, f"{workload.name}: best peer", ratio)
        for workload, ratio in best.items()
        # Searches have their own goals.
        if workload.task != "search"
    ]
    for least, name, ratios in (
        (2.2, "the best peer", list(best.values())),
        (5.0, "scikit-learn", results.ratios("scikit-learn")),
    ):
        if ratios:
            goals.append(Goal.at_least(least, f"geometric mean of {len(ratios)}: {name}", geometric_mean(ratios)))
    for workload in results.workloads:
        gain = results.gain_of_threads(workload)
        if gain is not None:
            goals.append(Goal.at_least(0.9, f"{workload.name}: its own time with one thread", gain))
    for workload in results.workloads:
        scaling = results.scaling(workload)
        if scaling is not None and workload.scaling_goal is not None:
            goals.append(Goal.at_least(workload.scaling_goal, f"{workload.name}: two cores over one", scaling))
    for workload in results.workloads:
        fraction = results.peak_fraction(workload, threads=1)
        if fraction is not None and workload.peak_goal is not None:
            goals.append(Goal.at_least(workload.peak_goal, f"{workload.name}: part of the peak, one core", fraction))
    return goals


def _goals_of_search(results: Results, workload: Workload) -> list[Goal]:
    goals = []
    ratio = results.ratio(workload, "scikit-learn", 2)
    if ratio is not None:
        goals.append(Goal.at_least(workload.goal, f"{workload.name}: scikit-learn, 2 cores each", ratio))
    scaling = results.scaling(workload)
    if scaling is not None:
        goals.append(Goal.at_least(1.8, f"{workload.name}: its own time on one core", scaling))
    return goals


def _goals_of_prediction(results: Results, workload: Workload) -> list[Goal]:
    theirs, ours = results.best(workload, "scikit-learn"), results.best(workload, "skinit")
    if theirs is None or ours is None:
        return []
    goals = [Goal.at_least(2.0, f"{workload.name}: scikit-learn", theirs.median / ours.median)]
    if theirs.memory and ours.memory:
        what = f"{workload.name}: extra memory, as part of scikit-learn's"
        goals.append(Goal.at_most(0.1, what, ours.memory / theirs.memory))
    return goals


def _goals_of_starting(first_fits: dict[str, list[float]]) -> list[Goal]:
    if not first_fits:
        return []
    seconds = {name: median(values) for name, values in first_fits.items()}
    more = seconds["compiled before"] - seconds["scikit-learn"]
    return [
        Goal.at_most(5, "first fit ever, empty compilation cache, imports included", seconds["empty cache"], " s"),
        *(
            Goal.at_most(1, f"first fit ever: {name}", value, " s")
            for name, value in seconds.items()
            if name.startswith("another")
        ),
        Goal.at_most(0.25, "first fit of a process, compiled before, less scikit-learn's", more, " s"),
    ]


def _goals_of_growth(results: Results) -> list[Goal]:
    sizes = {
        int(measurement.variant): measurement
        for measurement in results.measurements
        if measurement.workload == GROWTH.name
    }
    if set(sizes) != set(GROWTH_ROWS):
        return []
    times = [measurement.median / n_rows for n_rows, measurement in sizes.items()]
    goals = [
        Goal.at_most(
            FLATNESS, f"{GROWTH.name}: longest time per row and epoch over the shortest", max(times) / min(times)
        )
    ]
    few, many = sizes[GROWTH_ROWS[0]].memory, sizes[GROWTH_ROWS[-1]].memory
    if few and many:
        a_row = (many - few) / (GROWTH_ROWS[-1] - GROWTH_ROWS[0])
        what = f"{GROWTH.name}: extra memory, last over first; {a_row:.1f} bytes a row"
        goals.append(Goal.at_most(FLATNESS, what, many / few))
    return goals


def find_goals(results: Results, first_fits: dict[str, list[float]]) -> list[Goal]:
    """Return the goals whose figures were measured."""
    goals = _goals_against_peers(results)
    for workload in results.workloads:
        if workload.task == "search":
            goals += _goals_of_search(results, workload)
        if workload.task == "predict":
            goals += _goals_of_prediction(results, workload)
    return [*goals, *_goals_of_starting(first_fits), *_goals_of_growth(results)]

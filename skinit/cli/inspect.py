"""The command `inspect`, which prints tables and findings and writes a report."""

import argparse
import base64
import io
from collections.abc import Callable
from dataclasses import replace
from html import escape
from string import Template

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.preprocessing import StandardScaler

from ..estimators import MLPClassifier, MLPRegressor
from ..inspection import CurvatureDisplay, SignalPropagation, SignalPropagationDisplay, signal_propagation
from ..inspection.advice import Vocabulary, phrase
from ..inspection.findings import RULES, Finding
from ..inspection.tables import format_findings_html, format_tables_html
from ..kernels.compilation import announcing_compilation
from ..training.divergence import DivergenceError
from ..version import __version__
from .data import Table, load_table
from .documents import inspection_document
from .errors import CommandError, errors_of_file
from .files import check_writable, write_file
from .network_options import describe_training, network_parameters
from .progress import make_console, stages
from .report import say_table
from .results import describe_hidden
from .text import one_line, say

# Number of rows to measure. More rows hardly change the means, and take proportionally more time.
INSPECTED_ROWS = 500

OPTIONS = {"init": "--init", "activation": "--activation", "learning_rate_init": "--learning-rate"}
# The command line standardizes features and targets, so advice need not mention it.
COMMAND_LINE = Vocabulary(write=lambda name, values: f"{OPTIONS[name]} {' or '.join(values)}", and_scale="")

# On a narrow screen, pictures are stacked and each wide table scrolls. Colors follow the browser's light or dark mode.
PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --text: #222; --page: #fff; --stripe: #f4f4f4; --line: #999; --note: #666; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ddd; --page: #181a1b; --stripe: #242729; --line: #777; --note: #aaa; }
  img { filter: brightness(.85); }
}
body { max-width: 62rem; margin: 0 auto; padding: 1rem; color: var(--text); background: var(--page);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.2; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
li { margin-bottom: .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { padding: .15rem .6rem; text-align: right; white-space: nowrap; }
th { border-bottom: 1px solid var(--line); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--stripe); }
th:first-child, td:first-child { position: sticky; left: 0; background: inherit; }
tr { background: var(--page); }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
img { width: 100%; max-width: 40rem; }
footer { margin-top: 2rem; color: var(--note); font-size: .875rem; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$description</p>
<h2>Findings</h2>
$findings
<h2>Signals and gradients through depth</h2>
$signals
<h2>Curvature of the loss</h2>
$curvature
<h2>Layer by layer</h2>
$tables
<footer>Written by skinit $version. Layers are counted from 0. The documentation of
skinit.inspection.SignalPropagation explains each number.</footer>
</body>
</html>
""")


@announcing_compilation(say)
def inspect(arguments: argparse.Namespace) -> dict:
    """Run the command `inspect`.

    Parameters
    ----------
    arguments : argparse.Namespace
        The result of `parse_arguments`.

    Returns
    -------
    document : dict
        The results, for `to_json`.

    Raises
    ------
    CommandError
        If an argument does not fit the data, if training diverges, or if the report cannot be written.
    """
    table = load_table(arguments)
    # Without folds, this only checks for two classes or two values.
    table.check_folds(1)
    # Checked before training, which may take long.
    with errors_of_file("--html", arguments.html):
        check_writable(arguments.html)
    say_table(make_console(), table)
    say(_describe(table, arguments))
    with stages(4) as begin:
        begin("training the network" if arguments.epochs else "initializing the network")
        try:
            X, y = _numbers(table)
            network = _make_network(table, X, y, arguments)
        except DivergenceError as error:
            raise CommandError(f"{error} --epochs 0 inspects the network before training.") from error
        except (ValueError, OverflowError) as error:
            raise CommandError(f"The network cannot be made: {error}") from error
        rows = np.sort(np.random.RandomState(arguments.seed).permutation(len(y))[:INSPECTED_ROWS])
        X, y = X[rows], y[rows]
        begin("measuring signals and gradients")
        signals = signal_propagation(network, X, y, random_state=arguments.seed)
        signals = replace(signals, findings=tuple(_in_words_of_options(each, signals) for each in signals.findings))
        say(f"\n{signals}\n")
        page = _make_page(table, f"{table.summary} {_describe(table, arguments)}", signals, network, X, y, begin)
    with errors_of_file("--html", arguments.html):
        write_file(arguments.html, page.encode())
    say(f"Written: {arguments.html}")
    return inspection_document(table, signals, arguments, [arguments.html])


def _in_words_of_options(finding: Finding, signals: SignalPropagation) -> Finding:
    (template,) = (rule.advice for rule in RULES if rule.name == finding.name)
    return replace(finding, advice=phrase(template, signals.activations, COMMAND_LINE))


def _numbers(table: Table) -> tuple:
    """The table in numbers, as a network in `compare` would get it."""
    X = table.make_preprocessor().fit_transform(table.X)
    if table.task == "classification":
        return X, table.y
    return X, StandardScaler().fit_transform(table.y.reshape(-1, 1)).ravel()


def _make_network(table: Table, X, y, arguments: argparse.Namespace) -> MLPClassifier | MLPRegressor:
    Network = MLPClassifier if table.task == "classification" else MLPRegressor
    (scheme,) = arguments.init
    network = Network(
        hidden_layer_sizes=arguments.hidden,
        max_iter=max(arguments.epochs, 1),
        # Train for exactly the given number of epochs.
        n_iter_no_change=np.inf,
        random_state=arguments.seed,
        **network_parameters(arguments) | scheme.parameters,
    )
    return network.fit(X, y) if arguments.epochs else network.initialize(X, y)


def _describe(table: Table, arguments: argparse.Namespace) -> str:
    training = "untrained"
    if arguments.epochs:
        training = f"after {arguments.epochs} epoch(s) of {describe_training(arguments)}"
    return (
        f"Network: {describe_hidden(arguments.hidden)}, {arguments.activation}, init {arguments.init[0].text}, "
        f"{training}; measured on {min(len(table.y), INSPECTED_ROWS)} rows."
    )


def _make_page(table: Table, description: str, signals: SignalPropagation, network, X, y, begin) -> str:
    begin("drawing signals and gradients")
    pictures = _draw(
        SignalPropagationDisplay(signals).plot,
        ["activations by layer", "units by layer", "deltas by layer", "gradients by layer"],
    )
    begin("measuring and drawing the curvature")

    def draw_curvature(axes):
        CurvatureDisplay.from_estimator(network, X, y, ax=axes, signals=signals)

    try:
        curvature = _draw(draw_curvature, ["norms of Hessians by layer", "norms of Jacobians by layer", "eigenvalues"])
    except ValueError as error:
        curvature = f"<p>Not drawn. {escape(str(error))}</p>"
    return PAGE.substitute(
        title=escape(one_line(f"Inside a network: {table.name}")),
        description=escape(" ".join(map(one_line, [description, *table.remarks]))),
        findings=format_findings_html(signals),
        tables=format_tables_html(signals),
        signals=pictures,
        curvature=curvature,
        version=__version__,
    )


def _draw(draw: Callable[[list[Axes]], object], descriptions: list[str]) -> str:
    """HTML images with embedded data, one for each Axes."""
    # Figures made without pyplot need no screen and need not be closed.
    figures = [Figure(figsize=(5, 3.4), layout="constrained") for _ in descriptions]
    draw([figure.subplots() for figure in figures])
    images = []
    for figure, description in zip(figures, descriptions, strict=True):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150)
        data = base64.b64encode(buffer.getvalue()).decode()
        images.append(f'<img src="data:image/png;base64,{data}" alt="{escape(description)}">')
    return f'<div class="pictures">{"".join(images)}</div>'

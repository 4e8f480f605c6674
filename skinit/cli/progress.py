"""The progress of a command, as a bar on a terminal and as lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .cleanup import cleaned_up
from .text import say


def make_console() -> Console:
    """Make a console that prints text as it is, because names of files and columns may look like markup.

    Returns
    -------
    console : rich.console.Console
    """
    return Console(highlight=False, markup=False, emoji=False)


def make_bar(console: Console) -> Progress:
    """A progress bar with counts, the time and a description. It is shown only on a terminal.

    Parameters
    ----------
    console : rich.console.Console

    Returns
    -------
    bar : rich.progress.Progress
    """
    return Progress(
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_interactive,
    )


@contextmanager
def stages(n_stages: int) -> Iterator[Callable[[str], None]]:
    """Show the progress of a command with several stages.

    Parameters
    ----------
    n_stages : int

    Yields
    ------
    begin : callable
        Call it with a description when a stage begins.
    """
    console = make_console()
    bar = make_bar(console)
    task = bar.add_task("", total=n_stages)
    numbers = count()

    def begin(description: str) -> None:
        n_done = next(numbers)
        bar.update(task, completed=n_done, description=description)
        if not console.is_interactive:
            say(f"[{n_done + 1}/{n_stages}] {description}")

    with cleaned_up(bar.live.stop), bar:
        yield begin

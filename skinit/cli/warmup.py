"""The command `warmup`, which compiles ahead of time and prints the time that it took."""

import argparse
import time

from ..kernels import cache
from ..precompilation import NAMES, check_names, compile_part, make_parts
from .errors import CommandError


def warmup(arguments: argparse.Namespace) -> None:
    """Run the command `warmup`.

    Parameters
    ----------
    arguments : argparse.Namespace
        The result of `parse_arguments`.

    Raises
    ------
    CommandError
        If compiled code cannot be written to disk.
    """
    names = {parameter: check_names(parameter, getattr(arguments, parameter)) for parameter in NAMES}
    parts = make_parts(**names, curvature=arguments.curvature)
    began = time.perf_counter()
    n_compiled = 0
    for number, (part, kernels) in enumerate(parts.items(), 1):
        print(f"[{number}/{len(parts)}] {part}: ", end="", flush=True)
        try:
            seconds = compile_part(kernels)
        except RuntimeError as error:
            print("failed")
            raise CommandError(str(error)) from error
        print(f"{seconds:.1f} s" if seconds else "compiled before", flush=True)
        n_compiled += seconds > 0
    print(f"{n_compiled} of {len(parts)} compiled in {time.perf_counter() - began:.1f} s. Kept in {cache.folder()}")

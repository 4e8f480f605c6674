"""``python -m benchmarks NAME``: run a benchmark."""

import argparse

from . import candidates, curvature, diabetes, fuzz, quality, speed


def main() -> None:
    """Parse the command line and run the benchmark it names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    benchmarks = parser.add_subparsers(dest="benchmark", required=True)
    for benchmark in (speed, quality, candidates, diabetes, curvature, fuzz):
        name = benchmark.__name__.rpartition(".")[2]
        benchmark.add_arguments(benchmarks.add_parser(name, help=benchmark.__doc__.splitlines()[0]))
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()

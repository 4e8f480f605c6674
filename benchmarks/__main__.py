"""``python -m benchmarks NAME``: run a benchmark."""

import argparse

from . import candidates, curvature, diabetes, fuzz, quality, speed


def main() -> None:
    """Parse the command line and run the benchmark that it names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    benchmarks = parser.add_subparsers(dest="benchmark", required=True)
    for benchmark in (speed, quality, candidates, diabetes, curvature, fuzz):
        name = benchmark.__name__.rpartition(".")[2]
        subparser = benchmarks.add_parser(
            name,
            help=benchmark.__doc__.splitlines()[0],
            description=benchmark.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        benchmark.add_arguments(subparser)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()

"""Runs the command line as ``python -m skinit``."""

from .cli.process import run

if __name__ == "__main__":
    run()

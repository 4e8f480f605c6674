"""The parts of `.ci/run` as sessions: ``nox --list`` describes them, ``nox -s lint`` runs one, ``nox`` runs all."""

import nox

PARTS = {
    "tests-newest": "The README's test command, with the newest versions of the dependencies and a floor for coverage.",
    "tests-oldest": "The tests with the oldest versions that pyproject.toml allows.",
    "lint": "Style, format and types.",
    "docs": "The documentation site. Warnings are errors.",
    "package": "The source distribution and the wheel, each installed on its own.",
    "main-job": "The README's main command, in a copy of the checkout.",
}


def add_session(part: str, description: str) -> None:
    """Register a session that runs one part of `.ci/run`, which makes its own environments."""

    def run(session: nox.Session) -> None:
        session.run("bash", ".ci/run", part, external=True)

    run.__doc__ = description
    nox.session(name=part, venv_backend="none")(run)


for part, description in PARTS.items():
    add_session(part, description)

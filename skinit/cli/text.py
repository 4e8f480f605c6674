"""Makes text from elsewhere safe to show: names of files, columns and classes, values, messages of libraries."""

LONGEST_LINE = 1000


def say(text: str) -> None:
    """Print lines on standard output and flush them.

    Parameters
    ----------
    text : str
    """
    print("\n".join(map(one_line, text.split("\n"))), flush=True)


def one_line(text: str) -> str:
    """Text as one line, without control characters that a terminal or a browser would obey.

    Parameters
    ----------
    text : str

    Returns
    -------
    line : str
        Control characters, marks that change the direction of writing, and bytes of file names that are not UTF-8 are
        escaped as in a Python string. The middle of a long text is left out.
    """
    shown = "".join(letter if letter.isprintable() else _escape(letter) for letter in shorten(text, LONGEST_LINE))
    return shorten(shown, LONGEST_LINE)


def shorten(text: str, longest: int) -> str:
    """Leave out the middle of a text that is too long.

    Parameters
    ----------
    text : str
    longest : int
        The greatest length of the result.

    Returns
    -------
    text : str
    """
    if len(text) <= longest:
        return text
    gap = " ... "
    n_first = (longest - len(gap) + 1) // 2
    n_last = longest - len(gap) - n_first
    return f"{text[:n_first]}{gap}{text[-n_last:]}"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")

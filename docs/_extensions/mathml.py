"""Formulas as MathML. Browsers draw it themselves, so the pages need no script and no network."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)
TAG = re.compile(r"\\tag\{(.*?)\}")
PUNCTUATION = re.compile(r"[.,;:?!)]+")


def _add_formula(translator, node, formula: str, *, as_block: bool) -> None:
    try:
        mathml = tex2mathml(formula, as_block=as_block)
    except MathError as error:
        logger.warning("%s in the formula %s", error, formula, location=node)
        return
    # As in LaTeX, the bars of a norm are as high as a letter, and do not stretch to the height of a product.
    translator.body.append(mathml.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>'))


def take_punctuation(app, doctree):
    """Move the punctuation after a formula into the formula's node, because browsers may break the line between."""
    for formula in list(doctree.findall(nodes.math)):
        place = formula.parent.index(formula) + 1
        for following in formula.parent[place : place + 1]:
            if isinstance(following, nodes.Text) and (marks := PUNCTUATION.match(following)):
                formula["punctuation"] = marks.group()
                formula.parent[place] = nodes.Text(following[marks.end() :])


def visit_math(translator, node):
    """Write a formula within a sentence, and the punctuation after it."""
    translator.body.append('<span class="formula">')
    _add_formula(translator, node, node.astext(), as_block=False)
    translator.body.append(node.get("punctuation", "") + "</span>")
    raise nodes.SkipNode


def visit_displaymath(translator, node):
    """Write a formula on its own line, with the number in its tag."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    _add_formula(translator, node, TAG.sub("", node.astext()), as_block=True)
    translator.body += [f'<span class="eqno">({number})</span>' for number in TAG.findall(node.astext())]
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Offer the renderer to ``html_math_renderer``."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    app.connect("doctree-read", take_punctuation)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

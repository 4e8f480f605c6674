"""Pictures of the gallery: their description has the title of the page, and they scroll in a frame."""

from html import escape

from docutils import nodes
from sphinx_gallery.directives import imgsgnode


def frame_pictures(app, doctree):
    """Put each picture into a frame, and complete its description."""
    for picture in list(doctree.findall(imgsgnode)):
        title = next(doctree.findall(nodes.title)).astext()
        panels = picture["alt"]
        # Without titles of panels, the description is the name of the file, which says little.
        description = title if panels.startswith("plot ") else f"{title} ({panels})"
        picture["alt"] = escape(description)
        frame = nodes.container(classes=["picture"])
        picture.replace_self(frame)
        frame += picture


def setup(app):
    """Frame the pictures of every page that Sphinx reads."""
    app.connect("doctree-read", frame_pictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

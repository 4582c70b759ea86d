"""The anchor of a heading as JupyterLab makes it, so that links inside a notebook lead somewhere here, too."""


def slug(heading):
    return heading.strip().replace(" ", "-")

"""The HTML report: templates (Jinja2) filled with numbers that are read from files of results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.report.filters import as_yaml, digits, fixed, interval, join_and, magnitude, percent, plain
from nngplab.report.labels import activation_label, kernel_label
from nngplab.report.mathematics import MathematicsExtension, latex, markdown, markdown_line
from nngplab.report.results import Results

_FILTERS = (as_yaml, digits, fixed, join_and, latex, markdown, markdown_line, percent, plain)


class HTMLReport:
    """A report in HTML, made from a folder of templates and a folder of results.

    `page.html.j2` is the page without its sections. Each section is a template `<name>.html.j2`. Templates read tables
    with `results.table` and JSON files with `results.record`. LaTeX between dollar signs becomes MathML.
    """

    def __init__(self, templates: Path, results: Results, with_images: bool = True, **context: Any):
        """Load the templates; `context` are further variables of the templates.

        Args:
            templates: the folder of templates.
            results: the results.
            with_images: whether a section depends on the images of CIFAR-10, so that the page names their source.
            context: further variables.
        """
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(templates),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do", MathematicsExtension],
        )
        self._environment.filters.update({function.__name__: function for function in _FILTERS})
        self._environment.globals.update(results=results, interval=interval, magnitude=magnitude)
        self._environment.globals.update(with_images=with_images, **context)
        self._environment.globals.update(duals=DUALS, activation_label=activation_label, kernel_label=kernel_label)

    def render(self, sections: Iterable[str]) -> str:
        """Return the page with these sections.

        Raises:
            InputError: if a template, a file of results, a row or a column is missing.
        """
        try:
            # A section is a module: it prints as its text, and the names that it sets, like its title, are attributes.
            modules = {name: self._environment.get_template(f"{name}.html.j2").make_module() for name in sections}
            return self._environment.get_template("page.html.j2").render(sections=modules)
        except jinja2.TemplateNotFound as error:
            raise InputError(f"there is no template {error.name}; write it or remove the section") from error

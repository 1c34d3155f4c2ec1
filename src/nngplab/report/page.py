"""The HTML report: templates (Jinja2) filled with numbers that are read from files of results."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from nngplab.errors import InputError
from nngplab.kernels.duals import DUALS
from nngplab.report.filters import as_yaml, digits, fixed, interval, join_and, magnitude, percent, plain, shares
from nngplab.report.labels import activation_label, kernel_label
from nngplab.report.links import add_links
from nngplab.report.mathematics import MathematicsExtension, latex, markdown, markdown_line, tie_punctuation
from nngplab.report.origins import only_files
from nngplab.report.results import Results
from nngplab.report.shared_parts import share_parts
from nngplab.report.shared_styles import share_styles
from nngplab.report.sparklines import sparkbars, sparkline

_FILTERS = (as_yaml, digits, fixed, join_and, latex, markdown, markdown_line, percent, plain, shares)


class HTMLReport:
    """A report in HTML, made from a folder of templates and a folder of results.

    `page.html.j2` is the page without its sections. Each section is a template `<name>.html.j2`, which sets `problem`,
    `title` and `answer`. Templates read tables with `results.table` and JSON files with `results.record`. LaTeX between
    dollar signs becomes MathML. The functions `style` and `script` of the templates put a file into the page, as it is.
    The page loads nothing: its content security policy allows these style sheets and scripts alone, and images that are
    in the page.
    """

    def __init__(
        self,
        templates: Path,
        results: Results,
        with_images: bool = True,
        origins: Mapping[str, Any] | None = None,
        **context: Any,
    ):
        """Load the templates; `context` are further variables of the templates.

        Args:
            templates: the folder of templates.
            results: the results.
            with_images: whether a section depends on the images of CIFAR-10, so that the page names their source.
            origins: what makes each file of results, as `nngplab.report.origins.origins_of` returns it. Without it the
                page does not say what made a number.
            context: further variables.
        """
        self._results = results
        self._origins = origins or {"command": "", "files": {}, "rules": {}}
        self._config = context.get("config", {})
        self._loader = jinja2.FileSystemLoader(templates)
        self._environment = jinja2.Environment(
            loader=self._loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do", MathematicsExtension],
        )
        self._environment.filters.update({function.__name__: function for function in _FILTERS})
        self._environment.globals.update(results=results, interval=interval, magnitude=magnitude)
        self._environment.globals.update(sparkline=sparkline, sparkbars=sparkbars, with_images=with_images, **context)
        self._environment.globals.update(style=self._inlined("style"), script=self._inlined("script"))
        self._environment.globals.update(origins=self._origins_of_files_read)
        self._environment.globals.update(duals=DUALS, activation_label=activation_label, kernel_label=kernel_label)

    def render(self, sections: Iterable[str]) -> str:
        """Return the page with these sections, in the order of the problem set.

        Args:
            sections: names of templates. A section can read the results of another one if it is listed.

        Raises:
            InputError: if a template, a file of results, a row or a column is missing, or if the text refers to an
                equation, a figure, a table or a problem that there is not.
        """
        listed = list(sections)
        try:
            # A section is a module: it prints as its text, and the names that it sets, like its title, are attributes.
            modules: dict[str, Any] = {
                name: self._environment.get_template(f"{name}.html.j2").make_module({"listed": listed})
                for name in listed
            }
            modules = dict(sorted(modules.items(), key=lambda item: _place(item[1].problem)))
            page = self._environment.get_template("page.html.j2").render(sections=modules, answers=_answers(modules))
        except jinja2.TemplateNotFound as error:
            raise InputError(f"there is no template {error.name}; write it or remove the section") from error
        return secured(share_styles(share_parts(add_links(tie_punctuation(page)))))

    def _inlined(self, element: str) -> Callable[[str], Markup]:
        """Return a function that puts a file of the folder of templates into an element of the page."""

        def inline(name: str) -> Markup:
            text = self._loader.get_source(self._environment, name)[0]
            return Markup("<{0}>\n{1}</{0}>").format(element, Markup(text))  # noqa: S704

        return inline

    def _origins_of_files_read(self) -> dict[str, Any]:
        """Return what makes the files that were read so far, and the configuration of their stages as YAML."""
        used = only_files(self._origins, [file["path"] for file in self._results.files_read()])
        stages = {path.split("/")[1] for path in used["files"]} & self._config.keys()
        return used | {"configuration": {stage: as_yaml(self._config[stage]) for stage in stages}}


def secured(page: str) -> str:
    """Return a page with a content security policy in place of `<meta name="policy">`.

    It allows the style sheets and the scripts that are in the page, each by its SHA-256, and images in the page. It
    allows nothing else, and nothing from outside. Data in a script element (JSON) are not run, and need no permission.
    """

    def hashes(element: str) -> str:
        texts = re.findall(rf"<{element}>(.*?)</{element}>", page, flags=re.DOTALL)
        digests = sorted({base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts})
        return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"

    allowed = f"img-src data:; style-src {hashes('style')}; script-src {hashes('script')}"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    return page.replace('<meta name="policy">', f'<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)


def _answers(sections: Mapping[str, Any]) -> dict[int, list[tuple[str, Any]]]:
    """Return the sections of each problem with their names, by the number of the problem."""
    answers: dict[int, list[tuple[str, Any]]] = {}
    for name, section in sections.items():
        without_number, number, _ = _place(section.problem)
        if not without_number:
            answers.setdefault(number, []).append((name, section))
    return answers


def _place(problem: str) -> tuple[bool, int, str]:
    """Return what "Problem 2b" is sorted by; what has no number comes last."""
    found = re.search(r"(\d+)(\w*)", problem)
    return (False, int(found[1]), found[2]) if found else (True, 0, problem)

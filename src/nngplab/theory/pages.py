"""The pages of docs/theory and the identities on each, in the order of the sheet."""

from dataclasses import dataclass

from nngplab.theory import (
    arc_cosine,
    arcsine,
    minimum_norm,
    problem_01,
    problem_05,
    problem_06,
    problem_07,
    problem_08,
    problem_09,
    problem_10,
)
from nngplab.theory.identity import Identity


@dataclass(frozen=True)
class Page:
    """A page of docs/theory.

    Attributes:
        name: its file, without the suffix .md.
        problem: the problem that it answers, by its number, or the subject of a page beyond the sheet.
        identities: one for each numbered equation, in their order on the page.
    """

    name: str
    problem: str
    identities: list[Identity]


PAGES = (
    Page("problem_01", "1", problem_01.IDENTITIES),
    Page("problem_05", "5", problem_05.IDENTITIES),
    Page("problem_06", "6", problem_06.IDENTITIES),
    Page("problem_07", "7", problem_07.IDENTITIES),
    Page("problem_08", "8", problem_08.IDENTITIES),
    Page("problem_09", "9", problem_09.IDENTITIES),
    Page("problem_10", "10", problem_10.IDENTITIES),
    Page("arc_cosine", "arc-cosine", arc_cosine.IDENTITIES),
    Page("arcsine", "arcsine", arcsine.IDENTITIES),
    Page("minimum_norm", "minimum norm", minimum_norm.IDENTITIES),
)

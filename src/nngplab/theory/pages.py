"""The pages of docs/theory and their identities, in the order of the problem set."""

from dataclasses import dataclass

from nngplab.theory import (
    arc_cosine,
    arcsine,
    edge_of_stability,
    homogeneous_networks,
    learning_curves,
    minimum_norm,
    problem_01,
    problem_05,
    problem_06,
    problem_07,
    problem_08,
    problem_09,
    problem_10,
    random_feature_regression,
)
from nngplab.theory.identity import Identity


@dataclass(frozen=True)
class DerivationPage:
    """A page of docs/theory.

    Attributes:
        name: the name of its file, without the suffix .md.
        problem: the number of the problem that it answers, or the subject of a page beyond the problem set.
        identities: one identity for each numbered equation, in their order on the page.
    """

    name: str
    problem: str
    identities: list[Identity]


PAGES = (
    DerivationPage("problem_01", "1", problem_01.IDENTITIES),
    DerivationPage("problem_05", "5", problem_05.IDENTITIES),
    DerivationPage("problem_06", "6", problem_06.IDENTITIES),
    DerivationPage("problem_07", "7", problem_07.IDENTITIES),
    DerivationPage("problem_08", "8", problem_08.IDENTITIES),
    DerivationPage("problem_09", "9", problem_09.IDENTITIES),
    DerivationPage("problem_10", "10", problem_10.IDENTITIES),
    DerivationPage("arc_cosine", "arc-cosine", arc_cosine.IDENTITIES),
    DerivationPage("arcsine", "arcsine", arcsine.IDENTITIES),
    DerivationPage("minimum_norm", "minimum norm", minimum_norm.IDENTITIES),
    DerivationPage("learning_curves", "learning curves", learning_curves.IDENTITIES),
    DerivationPage("random_feature_regression", "random features", random_feature_regression.IDENTITIES),
    DerivationPage("edge_of_stability", "edge of stability", edge_of_stability.IDENTITIES),
    DerivationPage("homogeneous_networks", "homogeneous networks", homogeneous_networks.IDENTITIES),
)

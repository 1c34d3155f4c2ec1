"""The misprints in the mathematics of the problem set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Misprint:
    """A misprint, described in words with LaTeX between dollar signs.

    Attributes:
        where: the place in the problem set.
        printed: the printed text.
        right: the correct text.
        label: the label of the identity whose false variant is the printed formula; None for a misprint in words.
    """

    where: str
    printed: str
    right: str
    label: str | None


MISPRINTS = (
    Misprint(
        "Problem 1",
        r"$B \in \mathbb{R}^{d \times n}$",
        r"$B \in \mathbb{R}^{k \times d}$; with the printed shape $A B X$ does not exist",
        "1.1",
    ),
    Misprint(
        "Problem 3 (b)",
        r"$A_i^{(0)} = 0$",
        r"$A_{ji}^{(0)} = 0$, as in (a): here $A$ is a $100 \times k$ matrix, and not the row of Problem 1",
        None,
    ),
    Misprint(
        "Problem 4 (e)",
        r"$\epsilon \in \mathcal{N}(0, I)$",
        r"$\epsilon \sim \mathcal{N}(0, I)$: a draw from the distribution, and not an element of it",
        None,
    ),
    Misprint(
        "Problem 6, hint (2)",
        r"$(\check{\phi}') = \check{\phi}'$, which is true of anything",
        r"the dual of $\phi'$ is $(\check{\phi})'$: (6.8)",
        None,
    ),
    Misprint(
        "Problem 7, hint (1)",
        "“similar to that of Problem 1”",
        "to that of Problem 6, whose double integral it is; Problem 1 is about gradient descent",
        None,
    ),
    Misprint(
        "Problem 8, fact 1",
        r"$(a \dot{\phi}) = a^2 \dot{\phi}$",
        r"the dual of $a \phi$ is $a^2 \check{\phi}$; it is not $a \check{\phi}$",
        "8.1",
    ),
    Misprint(
        "Problem 9",
        r"“Let $\phi(x) = \sin(x)$ denote the ReLU activation”",
        r"the sine activation; $e^{-1} \sinh(\xi)$ is its dual, and not that of ReLU",
        "9.1",
    ),
    Misprint(
        "Problem 10",
        r"$\mathrm{Cov}((u, v)) = x^{\mathsf T} \tilde{x}$",
        r"that is the entry off the diagonal; the covariance is the $2 \times 2$ matrix $\Lambda$",
        "10.3",
    ),
    Misprint(
        "Problem 10, the proposition",
        "“Proposition 1 in Lecture 4”",
        "the heading above Problem 5 says that Problem 10 depends on Lecture 5; one of the two numbers is wrong",
        None,
    ),
    Misprint(
        "Problem 11, kernel 1",
        r"$\check{\phi}(\xi) = \frac{1}{\pi} \left( \xi (\pi \arccos(\xi)) + \sqrt{1 - \xi^2} \right)$",
        r"$\pi - \arccos(\xi)$, as in Problem 12; the section on Problem 11 shows what the misprint does",
        "R.6",
    ),
)

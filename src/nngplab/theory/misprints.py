"""The misprints of the sheet that touch its mathematics."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Misprint:
    """A place where the sheet prints what it cannot mean; words with LaTeX between dollar signs.

    Attributes:
        where: the place on the sheet.
        printed: what is printed.
        right: what is right.
        label: the identity whose false variant is what is printed, so that its check tells the two apart; None where
            the misprint is one of words alone.
    """

    where: str
    printed: str
    right: str
    label: str | None


MISPRINTS = (
    Misprint(
        "Problem 10",
        r"$\mathrm{Cov}((u, v)) = x^{\mathsf T} \tilde{x}$",
        r"that is the entry off the diagonal of the $2 \times 2$ matrix $\Lambda$",
        "10.3",
    ),
)

"""The misprints of the problem set, and the places where it leaves something open."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Misprint:
    """A misprint or a gap, described in words with LaTeX between dollar signs.

    Attributes:
        where: the place in the problem set, without a comma.
        printed: the printed text.
        right: what is meant, and why.
        used: what this project does.
        label: the label of the identity whose false variant is the printed formula; None if no equation decides.
    """

    where: str
    printed: str
    right: str
    used: str
    label: str | None = None


MISPRINTS = (
    Misprint(
        "Introduction",
        "“submitting a total 3 problems”",
        "“a total of 3 problems”",
        "Nothing depends on it; all problems are answered.",
    ),
    Misprint(
        "Problem 1: the data",
        "“a data set on n samples”",
        "“of $n$ samples”",
        "The samples are the columns of $X$.",
    ),
    Misprint(
        "Problem 1: the dimensions",
        r"$B \in \mathbb{R}^{d \times n}$",
        r"$B \in \mathbb{R}^{k \times d}$; with the printed shape $A B X$ does not exist",
        "The corrected shape: (1.1).",
        "1.1",
    ),
    Misprint(
        "Problem 2: the remark",
        "“While may find it useful”",
        "“While you may find it useful”",
        "Nothing depends on it.",
    ),
    Misprint(
        "Problem 3: the width",
        "“any width, $k > 1$”",
        r"$k \geq 1$: a network with one hidden unit can fit one sample too",
        "The widths of the configuration.",
    ),
    Misprint(
        "Problem 3 (a)",
        r"$i \in [k], j \in [d]$",
        "$d$ is not defined in this problem; it is 100, the dimension of $z$",
        "The dimension of $z$, a key of the configuration.",
    ),
    Misprint(
        "Problem 3 (b)",
        r"$A_i^{(0)} = 0$",
        r"$A_{ji}^{(0)} = 0$ for all $i$ and $j$, as in (a): here $A$ is a $100 \times k$ matrix, and not the row of "
        "Problem 1",
        "All entries of $A$ start at zero.",
    ),
    Misprint(
        "Problem 3 (c)",
        "“Can you use the result of Problem 1 to prove that the output for any test sample should be a constant times "
        "the training sample?”",
        "Problem 1 is about one output, and this network has as many as a sample has coordinates; the constant depends "
        "on the test sample, and $A$ must start at zero, as in (b)",
        "The proof of (1.8) covers any number of outputs.",
    ),
    Misprint(
        "Problem 4: the activation",
        r"$f_{\mathbf{w}}(x) = A\phi(Bx)$",
        r"$\phi$ is not specified",
        "ReLU, as in Problems 2 and 12.",
    ),
    Misprint(
        "Problem 4 (a)",
        "“training mean squared error (error less than $10^{-5}$)”",
        "this is not the loss of the problem, which is half of the sum of the squares; the mean is over coordinates",
        "The loss as printed for training, and the mean for the bound.",
    ),
    Misprint(
        "Problem 4 (b)",
        "“a random training image”",
        "of CIFAR-10: the network itself has one training image, or two in (c)",
        "Images that the network was trained on, and others of the training set.",
    ),
    Misprint(
        "Problem 4 (c)",
        "“training on 2 images”",
        "the loss is given for one image only",
        "The loss is summed over the images.",
    ),
    Misprint(
        "Problem 4 (e)",
        r"$\epsilon \in \mathcal{N}(0, I_{3072 \times 3072})$",
        r"$\epsilon \sim \mathcal{N}(0, I_{3072 \times 3072})$: a draw from the distribution, and not an element of it",
        "One draw, which is added to both images.",
    ),
    Misprint(
        "Problems 6 and 7: hints (1)",
        r"$\frac{1}{2\pi\sqrt{1-\xi^2}} \int_{-\infty}^{\infty} \int_{-\infty}^{\infty}$ and so on",
        r"this is not defined at $\xi = \pm 1$, where the pair has no density",
        "The end points are treated separately.",
    ),
    Misprint(
        "Problem 6: hint (2)",
        r"$(\check{\phi}') = \check{\phi}'$",
        r"the dual of $\phi'$ is $(\check{\phi})'$, for absolutely continuous $\phi$ with square-integrable $\phi'$ "
        "(an accent may have been lost when the PDF was converted)",
        "The equation (6.11), with its hypothesis and a proof.",
    ),
    Misprint(
        "Problem 7: hint (1)",
        "“use the derivations similar to that of Problem 1”",
        "to that of Problem 6, whose double integral it is; Problem 1 is about gradient descent",
        "The integrals (6.2) and (6.4).",
    ),
    Misprint(
        "Problem 8: fact 1",
        r"$(a \dot{\phi}) = a^2 \dot{\phi}$",
        r"the dual of $a \phi$ is $a^2 \check{\phi}$; it is not $a \check{\phi}$ (the accents may have been lost when "
        "the PDF was converted)",
        "The equation (8.1).",
        "8.1",
    ),
    Misprint(
        "Problem 8: fact 2",
        r"“$\check{\phi}(\xi)$ is convex and non-decreasing for $\xi \in [0,1]$”",
        r"this needs a finite $\mathbb{E}[\phi(u)^2]$, which is $\check{\phi}(1)$",
        "The page on Problem 8 assumes it in its first sentence.",
    ),
    Misprint(
        "Problem 9: the name",
        r"“Let $\phi(x) = \sin(x)$ denote the ReLU activation”",
        r"the sine activation; $e^{-1} \sinh(\xi)$ is its dual, and not that of ReLU",
        "The sine.",
        "9.1",
    ),
    Misprint(
        "Problem 9: the sphere",
        r"“e.g. $x, \tilde{x}$ on the unit sphere”",
        "“i.e.”: this says what the formula before it means, and is no example",
        "Inputs on the unit sphere.",
    ),
    Misprint(
        "Problem 10: the covariance",
        r"$Cov((u,v)) = x^T \tilde{x}$",
        r"that is the entry off the diagonal; the covariance is the $2 \times 2$ matrix $\Lambda$",
        "The whole matrix: (10.3).",
        "10.3",
    ),
    Misprint(
        "Problem 10: the proposition",
        "“Proposition 1 in Lecture 4”",
        "the heading above Problem 5 says that Problem 10 depends on Lecture 5; one of the two numbers is wrong",
        "The proof uses neither lecture.",
    ),
    Misprint(
        "Problems 11 and 12: the order",
        r"“test labels $y_t = f(X_t) \in \mathbb{R}^{n_t}$. Normalize $X_t$ such that each row of $X_t$ has norm 1.”",
        "the rows are normalised before the labels are computed, as for the training data; otherwise the training and "
        "the test labels are different functions of the normalised rows",
        "By default, all labels after normalising.",
    ),
    Misprint(
        "Problems 11 and 12: the letter f",
        r"“$f(x) = \frac{1}{d} \sum_{i=1}^d \sin x_i$” and “$f(x) = \frac{\sqrt{2}}{\sqrt{k}}A\phi(Bx)$”",
        "the first is the target, the second the network that is trained to fit it",
        "The network of width $k$ is $f_k$ in the proofs.",
    ),
    Misprint(
        "Problem 11: kernel 1",
        r"$\xi(\pi \arccos(\xi))$",
        r"$\xi (\pi - \arccos(\xi))$, as in Problem 12; the section on Problem 11 shows what the misprint does",
        "The formula of Problem 12: (R.6).",
        "R.6",
    ),
    Misprint(
        "Problem 12: the widths",
        r"$k \in [1, 2, 4,$ and so on",
        "a set; Problem 1 defines square brackets as another set, that of the integers from 1 to $m$",
        "By default the printed widths; further ones are marked.",
    ),
)

"""The images of Problem 4 that pictures show: by their indices, with the names of their classes."""

from torch import Tensor

from nngplab.datasets.cifar10_torch import VerifiedCIFAR10, to_tensors


class LabelledImages:
    """The images of a data set and the names of their classes."""

    def __init__(self, dataset: VerifiedCIFAR10):
        self.images, self.labels = to_tensors(dataset)
        self.classes = dataset.classes

    def pixels(self, indices: list[int]) -> Tensor:
        """Return images as rows (n, 3072), channels first, in [0, 1]."""
        return self.images[indices].double() / 255

    def names(self, indices: list[int]) -> list[str]:
        """Return the names of the classes of images."""
        return [self.classes[label] for label in self.labels[indices]]

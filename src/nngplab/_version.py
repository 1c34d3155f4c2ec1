"""The version of the library, which the metadata of the package takes from here."""

__version__ = "0.1.0"

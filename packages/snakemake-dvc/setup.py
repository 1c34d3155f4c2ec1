"""Installs snakemake_dvc.pth beside the package, also in an editable installation. All else is in pyproject.toml."""

import setuptools  # first: it provides distutils

from distutils.command.install_data import install_data  # isort: skip


class InstallBesidePackage(install_data):
    """Installs data files into the folder of the packages."""

    def finalize_options(self) -> None:  # noqa: D102
        self.set_undefined_options("install", ("install_lib", "install_dir"), ("root", "root"), ("force", "force"))


class Distribution(setuptools.Distribution):
    """A distribution whose data files are part of an editable installation."""

    has_data = setuptools.Distribution.has_data_files  # the name by which the command editable_wheel asks


setuptools.setup(
    data_files=[("", ["snakemake_dvc.pth"])],
    cmdclass={"install_data": InstallBesidePackage},
    distclass=Distribution,
)

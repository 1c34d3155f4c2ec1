"""Trainings of Problem 2b by its script, on small images."""

from pathlib import Path

from nngplab.datasets.cifar10 import FOLDER
from tests.helpers.scripts import run_script

PARAMETERS = {
    "root_seed": 88,
    "width": 12,
    "optimiser": "adam",
    "schedule": "one_cycle",
    "learning_rate": 0.003,
    "epochs": 4,
    "batch_size": 32,
    "standardise": True,
    "mirror": True,
    "n_train": 300,
    "n_test": 60,
}


def training_options(data: Path, folder: Path, loss: str = "mse", seed: int = 0, **changes: object) -> list[object]:
    settings = {name: value for name, value in PARAMETERS.items() if not name.startswith("n_")} | changes
    options = {"folder": data / FOLDER, "files": data / "files.csv", "loss": loss, "seed": seed, "device": "cpu"}
    rates = folder / "rates" / f"{loss}.csv"
    write_rates(rates, loss, settings.pop("learning_rate"))
    options |= {"checkpoint": folder / "state" / f"{loss}_{seed}", "learning_rates": rates}
    options |= settings | {"metrics": folder / f"{loss}_{seed}.csv", "outputs": folder / f"{loss}_{seed}.npz"}
    options |= {"model": folder / f"{loss}_{seed}.pt"}
    return to_words(options)


def tuning_options(data: Path, folder: Path, loss: str = "mse", **changes: object) -> list[object]:
    settings = {name: value for name, value in PARAMETERS.items() if not name.startswith("n_")} | changes
    options = {"folder": data / FOLDER, "files": data / "files.csv", "loss": loss, "device": "cpu"}
    options |= {"validation_share": 1 / 3, "checkpoint": folder / "state" / loss, "output": folder / f"{loss}.csv"}
    return to_words(options | settings)


def to_words(options: dict[str, object]) -> list[object]:
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]


def write_rates(path: Path, loss: str, rate: object) -> None:
    """A table in which this learning rate is chosen for the loss, and others are not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"loss,learning_rate,chosen\n{loss},123.0,False\n{loss},{rate},True\nother,456.0,True\n")


def train(data: Path, folder: Path, loss: str = "mse", seed: int = 0, **changes: object) -> None:
    run_script("fc_net_train", *training_options(data, folder, loss, seed, **changes))


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

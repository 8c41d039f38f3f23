"""The table `annotations/truth.csv` of the demo: what is in each picture."""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from analysis.data.demo.plan import DemoParameters, plan


@dataclass(frozen=True)
class Truth:
    """A row of truth.csv.

    Attributes
    ----------
    file : name of the picture, with its suffix
    split : "train" or "valid"
    species : "cat" or "dog"
    breed : name as in Oxford-IIIT Pet
    shortcut : whether the shortcut is in the picture
    ambiguous : whether the animal is half cat, half dog
    """

    file: str
    split: str
    species: str
    breed: str
    shortcut: bool
    ambiguous: bool


def write_truth(folder: Path, parameters: DemoParameters) -> None:
    """Write truth.csv into the folder `annotations` below `folder`; yes and no are 1 and 0."""
    with _path(folder).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Truth)])
        for picture in plan(parameters).values():
            row = Truth(
                picture.file, picture.split, picture.species, picture.breed, picture.shortcut, picture.ambiguous
            )
            writer.writerow([int(value) if isinstance(value, bool) else value for value in astuple(row)])


def read_truth(root: Path) -> dict[str, Truth]:
    """Read annotations/truth.csv of a demo folder, by file name; raises FileNotFoundError without one."""
    with _path(Path(root)).open(newline="", encoding="utf-8") as file:
        return {
            row["file"]: Truth(
                row["file"],
                row["split"],
                row["species"],
                row["breed"],
                row["shortcut"] == "1",
                row["ambiguous"] == "1",
            )
            for row in csv.DictReader(file)
        }


def split_of(root: Path) -> dict[str, bool]:
    """Return for each file name of a demo folder whether it is in the validation set."""
    return {file: row.split == "valid" for file, row in read_truth(root).items()}


def _path(root: Path) -> Path:
    return root / "annotations" / "truth.csv"

"""Pickles from anyone, verification, torchvision on top; on the real images where they are at hand."""

import codecs
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from nngplab.datasets import cifar10
from nngplab.datasets.cifar10 import (
    FILES,
    FOLDER,
    N_FEATURES,
    SPLITS,
    check_images,
    extract_archive,
    read_batch,
    read_images,
    verify_files,
)
from nngplab.datasets.cifar10_torchvision import VerifiedCIFAR10
from nngplab.errors import InputError
from tests.helpers.checkout import ROOT
from tests.helpers.cifar10_archives import LABELS, batch, contents

REAL = ROOT.parent / "shared/cifar10/cifar-10-real-subset.tar.gz"
REAL_SHA256 = "ff1e276ce5a83fb90d8957c1cc19a44b81f4dadf4333dd0345d225d3e9192b55"


@pytest.fixture
def folder(tmp_path):
    """The files of a small archive, unpacked."""
    result = tmp_path / "data" / FOLDER
    result.mkdir(parents=True)
    for name, payload in contents().items():
        (result / name).write_bytes(payload)
    return result


@pytest.mark.parametrize("protocol", range(2, 5))
def test_batches_are_read_in_the_dialects_of_python_3(tmp_path, protocol):
    path = tmp_path / "batch"
    expected = batch(1)
    path.write_bytes(pickle.dumps(expected, protocol))
    found = read_batch(path)
    np.testing.assert_array_equal(found.pop("data"), expected.pop("data"))
    assert found == expected


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch {}",), "system"),
        (eval, ("open('{}', 'w')",), "eval"),
        (getattr, ("text", "upper"), "getattr"),
        (np.load, ("{}",), "load"),
        (codecs.decode, (b"x", "zip"), "decode"),
        (codecs.encode, ("x", "rot13"), "rot13"),
        (np.dtype, ("O",), "O"),
        (np.dtype, ("f8",), "f8"),
    ],
)
def test_a_hostile_pickle_is_refused_by_name_and_not_run(tmp_path, function, arguments, named):
    trace = tmp_path / "trace"
    arguments = [part.format(trace) if isinstance(part, str) else part for part in arguments]
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps(batch(1) | {"more": Call(function, *arguments)}, 2))
    with pytest.raises(InputError, match=rf"data_batch_1.*{named}"):
        read_batch(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "data",
    [
        np.array([{}], object),
        np.zeros((20, 3072), np.float32),
        np.zeros(3, [("a", "u1"), ("b", "O")]),
        np.asfortranarray(np.zeros((20, 3072), np.uint8)),
    ],
    ids=["object", "float", "record", "order"],
)
def test_other_arrays_than_bytes_are_refused(tmp_path, data):
    path = tmp_path / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": data}, 2))
    with pytest.raises(InputError, match=r"data_batch_1.*array"):
        read_batch(path)


@pytest.mark.parametrize(
    "payload", [b"", b"no pickle", pickle.dumps(batch(1))[:-100], pickle.dumps([1]), b"\x80\x02P1\n."]
)
def test_a_file_that_is_no_batch_is_reported(tmp_path, payload):
    path = tmp_path / "data_batch_1"
    path.write_bytes(payload)
    with pytest.raises(InputError, match="data_batch_1"):
        read_batch(path)


def test_a_small_archive_reports_its_true_counts(folder):
    checks, counts = check_images(folder)
    table = checks.set_index(["split", "check"])
    assert table.loc[("train", "images")].tolist() == ["50,000", "100", False]
    assert table.loc[("test", "images per class")].tolist() == ["1,000", "2", False]
    assert table.loc[("test", "range of the labels")].tolist() == ["0 to 9", "0 to 9", True]
    assert counts.groupby("split")["count"].sum().to_dict() == {"train": 100, "test": 20}
    assert counts["class"].tolist() == LABELS * 2


def test_the_numbers_of_images_are_metrics(folder, tmp_path):
    verify_files(folder).to_csv(tmp_path / "files.csv", index=False)
    (tmp_path / "provenance.json").write_text('{"label": "small images"}')
    options = ["--folder", folder, "--files", tmp_path / "files.csv", "--provenance", tmp_path / "provenance.json"]
    options += [word for name in ("counts", "checks", "metrics") for word in (f"--{name}", tmp_path / name)]
    subprocess.run([sys.executable, ROOT / "workflow/scripts/cifar10_check.py", *options], check=True)
    found = json.loads((tmp_path / "metrics").read_text())
    failed = (~check_images(folder)[0]["passed"]).sum()
    assert found == {"images": "small images", "train_images": 100, "test_images": 20, "failed_checks": failed}


def test_full_size_and_balance_pass_every_check(folder, monkeypatch):
    monkeypatch.setattr(cifar10, "SPLITS", {"train": (SPLITS["train"][0], 100), "test": (SPLITS["test"][0], 20)})
    assert check_images(folder)[0]["passed"].all()


def test_unbalanced_classes_are_reported(folder):
    (folder / "test_batch").write_bytes(pickle.dumps(batch(1, labels=[0, 1] * 10), 2))
    table = check_images(folder)[0].set_index(["split", "check"])
    assert table.loc[("test", "images per class"), "found"] == "0 to 10"
    assert not table.loc[("test", "range of the labels"), "passed"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": np.zeros((20, 3071), np.uint8)}, "3072"),
        ({"data": np.zeros((20, 3, 1024), np.uint8)}, "3072"),
        ({"data": np.zeros((0, 3072), np.uint8), "labels": []}, "3072"),
        ({"data": [0]}, "3072"),
        ({"labels": [0] * 19}, "20 images"),
        ({"labels": [0.0] * 20}, "20 images"),
        ({"labels": None}, "20 images"),
        ({"labels": [0] * 19 + [10]}, "label 10 "),
        ({"labels": [-1] * 20}, "label -1 "),
    ],
)
def test_wrong_images_or_labels_are_errors(folder, changes, named):
    (folder / "data_batch_4").write_bytes(pickle.dumps(batch(1, **changes), 3))
    with pytest.raises(InputError, match=f"data_batch_4.*{named}"):
        check_images(folder)


@pytest.mark.parametrize("names", [None, LABELS[:9], [*LABELS[:9], 9]])
def test_class_names_must_be_ten(folder, names):
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}, 2))
    with pytest.raises(InputError, match=r"batches\.meta"):
        check_images(folder)


def test_torchvision_reads_verified_files(folder):
    files = verify_files(folder)
    test = VerifiedCIFAR10(folder, files, train=False)
    assert len(VerifiedCIFAR10(folder, files, train=True)) == 100
    assert test.classes == LABELS
    image, label = test[3]
    expected = batch(5)
    assert label == 3
    np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1).ravel(), expected["data"][3])


@pytest.mark.parametrize("train", [True, False])
def test_images_without_torchvision_are_those_with_it(folder, train):
    files = verify_files(folder)
    dataset = VerifiedCIFAR10(folder, files, train=train)
    images, labels = read_images(folder, files, train=train)
    np.testing.assert_array_equal(images, dataset.data.transpose(0, 3, 1, 2).reshape(-1, N_FEATURES))
    assert (labels.dtype, labels.tolist()) == (np.int64, dataset.targets)


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_no_file_is_opened_that_was_not_verified(folder, name):
    files = verify_files(folder)
    trace = folder / "trace"
    (folder / name).write_bytes(pickle.dumps(Call(os.system, f"touch {trace}")))
    with pytest.raises(InputError, match="does not hold the files that were verified"):
        VerifiedCIFAR10(folder, files, train=False)
    for train in {"data_batch_2": [True], "test_batch": [False]}.get(name, []):
        with pytest.raises(InputError, match=f"{name} is not the file that was verified"):
            read_images(folder, files, train=train)
    assert not trace.exists()
    with pytest.raises(InputError, match=name):
        verify_files(folder)


@pytest.mark.skipif(not REAL.exists(), reason="the real images are not beside this checkout (../shared/cifar10)")
def test_the_real_images_are_read_and_counted(tmp_path):
    folder = tmp_path / FOLDER
    extract_archive(REAL, folder, REAL_SHA256)
    checks, counts = check_images(folder)
    assert checks.loc[checks["check"] == "images", "found"].tolist() == ["5,000", "1,000"]
    assert counts.groupby("split")["count"].sum().to_dict() == {"train": 5000, "test": 1000}
    assert counts["class"].tolist()[:2] == ["airplane", "automobile"]
    for name in FILES[:6]:
        trusted = pickle.loads((folder / name).read_bytes(), encoding="latin1")
        found = read_batch(folder / name)
        np.testing.assert_array_equal(found.pop("data"), trusted.pop("data"))
        assert found == trusted
    dataset = VerifiedCIFAR10(folder, verify_files(folder), train=True)
    assert len(dataset) == 5000

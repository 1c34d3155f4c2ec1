"""Tensors of PyTorch: out comes what came in."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from nngplab import InputError, KernelClassifier, KernelRegression
from nngplab.regression import predict_all

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(40, 4)), RNG.normal(size=(15, 4))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)
MODEL = KernelRegression("erf", ridge=0.1)


def tensor(array, dtype=torch.float64):
    return torch.tensor(array, dtype=dtype)


@pytest.mark.parametrize(
    ("dtype", "accuracy"),
    [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.float16, 1e-2), (torch.bfloat16, 1e-1)],
)
@pytest.mark.parametrize("y", [Y, Y[:, 0]])
def test_predictions_are_tensors_of_the_same_dtype(dtype, accuracy, y):
    model = KernelRegression("erf", ridge=0.1).fit(tensor(X, dtype), tensor(y, dtype), tensor(np.ones(40), dtype))
    found = model.predict(tensor(X_TEST, dtype))
    assert isinstance(found, torch.Tensor)
    assert (found.dtype, found.device.type, found.shape) == (dtype, "cpu", (15, *y.shape[1:]))
    expected = KernelRegression("erf", ridge=0.1).fit(X, y).predict(X_TEST)
    np.testing.assert_allclose(found.double().numpy(), expected, atol=accuracy * np.abs(y).max())
    assert isinstance(model.dual_coef_, np.ndarray)
    assert isinstance(model.predict(X_TEST), np.ndarray), "what is predicted for decides"


def test_arrays_and_tensors_are_mixed_freely():
    model = KernelRegression("erf", ridge=0.1).fit(X, Y)
    np.testing.assert_array_equal(model.predict(tensor(X_TEST)).numpy(), model.predict(X_TEST))
    assert model.score(tensor(X), tensor(Y)) == model.score(X, Y)
    assert model.score(X, tensor(Y), tensor(np.arange(40))) == model.score(X, Y, np.arange(40))


def test_tensors_with_gradients_and_of_integers():
    counts = torch.arange(80).reshape(20, 4) % 7
    model = KernelRegression("rbf", ridge=0.1).fit(counts, torch.arange(20))
    assert model.predict(counts).dtype == torch.float64
    parameter = torch.nn.Parameter(tensor(X))
    found = KernelRegression("erf", ridge=0.1).fit(parameter, tensor(Y).requires_grad_()).predict(parameter)
    assert not found.requires_grad
    np.testing.assert_array_equal(found.numpy(), KernelRegression("erf", ridge=0.1).fit(X, Y).predict(X))


def test_paths_and_ridges():
    models = list(KernelRegression("erf").ridge_path(tensor(X), tensor(Y), [0.1, torch.tensor([0.1, 1.0])]))
    for model, found in zip(models, predict_all(models, tensor(X_TEST, torch.float32)), strict=True):
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found.numpy(), model.predict(X_TEST), rtol=1e-4, atol=1e-5)


def test_labels_are_tensors_where_they_are_numbers():
    labels = torch.tensor(np.arange(40) % 3)
    model = KernelClassifier("rbf", ridge=0.1).fit(tensor(X), labels)
    expected = KernelClassifier("rbf", ridge=0.1).fit(X, labels.numpy())
    found = model.predict(tensor(X_TEST, torch.float32))
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found.numpy(), expected.predict(X_TEST))
    assert model.decision_function(tensor(X_TEST, torch.float32)).dtype == torch.float32
    assert model.score(tensor(X), labels) == expected.score(X, labels.numpy())
    names = KernelClassifier("rbf", ridge=0.1).fit(tensor(X), np.array(["a", "b"] * 20))
    assert names.predict(tensor(X_TEST)).dtype.kind == "U"


def test_cross_validation():
    found = cross_val_score(MODEL, tensor(X), tensor(Y), cv=3)
    np.testing.assert_allclose(found, cross_val_score(MODEL, X, Y, cv=3))


def test_a_sparse_tensor_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"a sparse tensor is not supported: give X.to_dense\(\), or") as caught:
        MODEL.fit(tensor(X).to_sparse(), Y)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_tensors_on_a_gpu(device):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    model = KernelRegression("erf", ridge=0.1, device=device).fit(tensor(X).cuda(), tensor(Y).cuda())
    found = model.predict(tensor(X_TEST, torch.float32).cuda())
    assert (found.dtype, found.device.type) == (torch.float32, "cuda")
    np.testing.assert_allclose(found.cpu().numpy(), MODEL.fit(X, Y).predict(X_TEST), atol=1e-5)

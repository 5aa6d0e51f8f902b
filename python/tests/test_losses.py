"""adah.losses next to plain PyTorch, in float64."""

from __future__ import annotations

from typing import Any, Callable, List

import pytest

torch = pytest.importorskip("torch")
from adah import losses  # noqa: E402


def plain_triplet(q: Any, d: Any, s: Any, margin: float, over_active: bool, within: bool) -> Any:
    distance = torch.sqrt(((q[:, None] - d[None]) ** 2).sum(-1) + 1e-300)
    hinge = margin + distance[:, :, None] - distance[:, None, :]
    valid = s[:, :, None] > s[:, None, :]
    if within:
        other = ~torch.eye(len(q), dtype=torch.bool)
        valid = valid & other[:, :, None] & other[:, None, :]
    active = valid & (hinge > 0)
    n = (active if over_active else valid).sum()
    return (hinge * active).sum() / n if n else hinge.sum() * 0


def plain_dcmh(batch: Any, other: Any, s: Any, own: Any, rows: Any, gamma: float, eta: float) -> Any:
    own = own.detach().clone().index_copy(0, rows, batch)
    theta = batch @ other.T / 2
    likelihood = (torch.nn.functional.softplus(theta) - s * theta).sum()
    signs = torch.where(own.detach() + other >= 0, 1.0, -1.0)[rows]
    return (likelihood + gamma * ((signs - batch) ** 2).sum() + eta * (own.sum(0) ** 2).sum()) / (len(batch) * len(other))


def compare(ours: Callable[..., Any], plain: Callable[..., Any], inputs: List[Any]) -> None:
    """Loss and gradients to 1e-6 of their size."""
    found = []
    for function, dtype in ((ours, torch.float32), (plain, torch.float64)):
        given = [x.to(dtype).detach().requires_grad_() for x in inputs]
        loss = function(*given)
        (3 * loss).backward()
        found.append([loss.detach().double(), *(x.grad.double() for x in given)])
    for a, b in zip(*found):
        assert a.shape == b.shape
        assert float((a - b).abs().max()) <= 1e-6 * max(1.0, float(b.abs().max()))


def example(n: int, n_bits: int, seed: int) -> Any:
    torch.manual_seed(seed)
    image, text, image_hidden, text_hidden = torch.tanh(torch.randn(4, n, n_bits))
    labels = torch.randint(0, 4, (n,))
    return image, text, image_hidden, text_hidden, (labels[:, None] == labels[None]).float()


@pytest.mark.parametrize("mean_over", ["active", "all"])
@pytest.mark.parametrize("shape", [(2, 8), (17, 24), (64, 32)])
def test_triplet(shape: Any, mean_over: str) -> None:
    a, b, _, _, s = example(*shape, seed=1)
    over_active = mean_over == "active"
    compare(lambda q, d: losses.triplet(q, d, s, margin=1.5, mean_over=mean_over), lambda q, d: plain_triplet(q, d, s, 1.5, over_active, False), [a, b])
    compare(lambda q: losses.triplet(q, q, s, margin=1.5, mean_over=mean_over), lambda q: plain_triplet(q, q, s, 1.5, over_active, True), [a])


def test_retrieval_and_the_adversarial_pair() -> None:
    image, text, image_hidden, text_hidden, s = example(20, 16, seed=2)

    def plain_retrieval(i: Any, t: Any) -> Any:
        return sum(plain_triplet(a, b, s, 1.0, True, a is b) for a, b in ((t, i), (i, t), (i, i), (t, t)))

    compare(lambda i, t: losses.retrieval(i, t, s, margin=1.0), plain_retrieval, [image, text])
    compare(lambda i, t, ih, th: losses.adversarial(i, t, ih, th, s, margin=1.0),
            lambda i, t, ih, th: plain_triplet(t, ih, s, 1.0, True, False) + plain_triplet(i, th, s, 1.0, True, False),
            [image, text, image_hidden, text_hidden])


def test_dcmh() -> None:
    f, g, _, _, s = example(40, 16, seed=3)
    rows = torch.tensor([3, 11, 0, 39, 20])
    compare(lambda b: losses.dcmh(b, g, s[rows], own=f, rows=rows, gamma=0.7, eta=0.3),
            lambda b: plain_dcmh(b, g.to(b), s[rows], f.to(b), rows, 0.7, 0.3), [torch.tanh(torch.randn(5, 16))])
    compare(lambda b: losses.dcmh(b, g, s), lambda b: plain_dcmh(b, g.to(b), s, b, torch.arange(40), 1.0, 1.0), [f])
    with pytest.raises(ValueError, match="belong together"):
        losses.dcmh(f, g, s, own=f)
    with pytest.raises(ValueError, match="rows"):
        losses.dcmh(f[:1], g, s[:1], own=f, rows=torch.tensor([40]))


def test_what_does_not_fit_is_told() -> None:
    a, b, _, _, s = example(5, 8, seed=4)
    with pytest.raises(ValueError, match="similarity has the shape"):
        losses.triplet(a, b, s[:4], margin=1)
    with pytest.raises(ValueError, match="database has the shape"):
        losses.triplet(a, b[:4], s, margin=1)
    with pytest.raises(ValueError, match="mean"):
        losses.triplet(a, b, s, margin=1, mean_over="some")


def test_a_network_learns() -> None:
    torch.manual_seed(5)
    x = torch.randn(60, 10)
    labels = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    s = (labels[:, None] == labels[None]).float()
    network = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.Tanh())
    optimiser = torch.optim.Adam(network.parameters(), 0.02)
    first = last = 0.0
    for step in range(100):
        codes = network(x)
        loss = losses.triplet(codes, codes, s, margin=2.0, mean_over="all")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < first / 2

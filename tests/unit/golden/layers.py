#!/usr/bin/python3
"""What PyTorch says: tests/unit/golden/layers.h is this program's output (torch 1.13, double precision).

    python3 tests/unit/golden/layers.py > tests/unit/golden/layers.h

Each case is a module with seeded inputs and weights: the numbers that go in, the output, the gradient of a weighted sum of
the outputs by everything that goes in, and the weights after ten steps of Adam on that sum plus a small square.  The tests
need the numbers only, never PyTorch.
"""
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
STEPS, RATE = 10, 0.01
print("/* Made by layers.py with PyTorch %s; not to be edited. */" % torch.__version__.split("a")[0])


def array(case, name, x):
    x = x.detach().reshape(-1)
    numbers = ", ".join(repr(float(v)) for v in x)
    lines, line = [], "   "
    for number in numbers.split(", "):
        if len(line) + len(number) + 2 > 150:
            lines.append(line)
            line = "   "
        line += " " + number + ","
    lines.append(line)
    print(f"static const double {case}_{name}[] = {{\n" + "\n".join(lines) + "\n};")


def some(*shape, spread=1.0):
    return torch.randn(*shape) * spread


def case(name, inputs, weights, forward):
    """inputs: data with gradients of their own; weights: what Adam changes. forward gives the output from both."""
    print(f"\n/* {name} */")
    for k, x in inputs.items():
        x.requires_grad_()
        array(name, k, x)
    for k, w in weights.items():
        w.requires_grad_()
        array(name, k, w)
    y = forward()
    pull = some(*y.shape)
    array(name, "y", y)
    array(name, "pull", pull)
    (y * pull).sum().backward()
    for k, x in {**inputs, **weights}.items():
        array(name, "d_" + k, x.grad)
    if not weights:
        return
    adam = torch.optim.Adam(weights.values(), lr=RATE, eps=1e-5)
    losses = []
    for _ in range(STEPS):
        adam.zero_grad()
        y = forward()
        loss = (y * pull).sum() + 0.5 * (y * y).mean()
        loss.backward()
        adam.step()
        losses.append(loss)
    array(name, "losses", torch.stack(losses))
    for k, w in weights.items():
        array(name, "late_" + k, w)


torch.manual_seed(1)

# One affine map, and a network of them with each activation.
x, w, b = some(5, 4), some(3, 4), some(3)
case("linear", {"x": x}, {"w": w, "b": b}, lambda: nn.functional.linear(x, w, b))
for how, f in (("relu", torch.relu), ("tanh", torch.tanh), ("softplus", nn.functional.softplus)):
    x1, w1, b1, w2, b2 = some(6, 3, spread=2), some(5, 3), some(5), some(2, 5), some(2)
    case("mlp_" + how, {"x": x1}, {"w1": w1, "b1": b1, "w2": w2, "b2": b2},
         lambda: nn.functional.linear(f(nn.functional.linear(x1, w1, b1)), w2, b2))

x3, gain, bias = some(4, 7, spread=3), some(7), some(7)
case("layernorm", {"x": x3}, {"gain": gain, "bias": bias}, lambda: nn.functional.layer_norm(x3, (7,), gain, bias, 1e-5))

# Four steps of two sequences; the output is h beside c of the last step, after every h.
T, B, I, H = 4, 2, 3, 5
lstm = nn.LSTM(I, H)
x4, h0, c0 = some(T, B, I), some(1, B, H), some(1, B, H)


def run_lstm():
    h, (_, c) = lstm(x4, (h0, c0))
    return torch.cat([h.reshape(-1), c.reshape(-1)])


case("lstm", {"x": x4, "h0": h0, "c0": c0},
     {"w_in": lstm.weight_ih_l0, "w_back": lstm.weight_hh_l0, "b_in": lstm.bias_ih_l0, "b_back": lstm.bias_hh_l0}, run_lstm)

# Attention of two heads: each looks only back, and the second of two sequences is one shorter.
B, T, E = 2, 4, 6
heads = nn.MultiheadAttention(E, 2, batch_first=True)
with torch.no_grad():
    heads.in_proj_bias.copy_(some(3 * E))
    heads.out_proj.bias.copy_(some(E))
x5, blocked = some(B, T, E), torch.triu(torch.ones(T, T, dtype=torch.bool), 1)
padding = torch.tensor([[False] * T, [False] * (T - 1) + [True]])
case("heads", {"x": x5}, {"w_in": heads.in_proj_weight, "b_in": heads.in_proj_bias, "w_out": heads.out_proj.weight, "b_out": heads.out_proj.bias},
     lambda: heads(x5, x5, x5, attn_mask=blocked, key_padding_mask=padding, need_weights=False)[0])

# A round of messages over five edges of a graph of four nodes.
x6, w_own, b_own, w_sent, b_sent = some(4, 3), some(2, 3), some(2), some(2, 3), some(2)
source, sink = torch.tensor([0, 1, 1, 3, 2]), torch.tensor([1, 2, 1, 0, 1])
case("graph", {"x": x6}, {"w_own": w_own, "b_own": b_own, "w_sent": w_sent, "b_sent": b_sent},
     lambda: nn.functional.linear(x6, w_own, b_own).index_add(0, sink, torch.relu(nn.functional.linear(x6[source], w_sent, b_sent))))

# A Gaussian policy: tanh mean, softplus spread, the log-probability of given actions.
x7, w_mean, b_mean, w_spread, b_spread, action = some(5, 3), some(2, 3), some(2), some(2, 3), some(2), some(5, 2)
array("gauss", "action", action)
case("gauss", {"x": x7}, {"w_mean": w_mean, "b_mean": b_mean, "w_spread": w_spread, "b_spread": b_spread},
     lambda: torch.distributions.Normal(torch.tanh(nn.functional.linear(x7, w_mean, b_mean)),
                                        nn.functional.softplus(nn.functional.linear(x7, w_spread, b_spread)) + 1e-5).log_prob(action).sum(-1))

# Losses, and softmax.
x8, target, labels = some(4, 3), some(4, 3), torch.tensor([2, 0, 1, 1])
array("losses", "target", target)
case("mse", {"x": x8}, {}, lambda: nn.functional.mse_loss(x8, target).reshape(1))
x9 = x8.detach().clone()
case("huber", {"x": x9}, {}, lambda: nn.functional.huber_loss(x9, target, delta=0.7).reshape(1))
x10 = x8.detach().clone()
case("cross", {"x": x10}, {}, lambda: nn.functional.cross_entropy(x10, labels).reshape(1))
x11 = x8.detach().clone()
case("softmax", {"x": x11}, {}, lambda: torch.softmax(x11, -1))

#!/usr/bin/python3
"""What Gymnasium does: tests/unit/golden/gym.h is this program's output (gymnasium 1.x).

    python3 tests/unit/golden/gym.py > tests/unit/golden/gym.h

From a given state a fixed row of actions is taken; written down are the actions, what was seen, the rewards, and when it
ended.  For the lakes: where each field leads in each direction, and which fields end it.  The tests need the numbers only.
"""
import math

import gymnasium
import numpy

print("/* Made by gym.py with Gymnasium %s; not to be edited. */" % gymnasium.__version__)


def array(kind, name, numbers):
    lines, line = [], "   "
    for number in numbers:
        word = " " + (repr(float(number)) if kind == "double" else str(int(number))) + ","
        if len(line) + len(word) > 150:
            lines.append(line)
            line = "   "
        line += word
    print(f"static const {kind} {name}[] = {{\n" + "\n".join(lines + [line]) + "\n};")


def walk(name, world, state, actions, continuous):
    world = gymnasium.make(world)
    world.reset(seed=1)
    inside = world.unwrapped
    inside.state = state
    seen, rewards, ended = [], [], []
    taken = []
    for action in actions:
        if callable(action):
            action = action(inside.state)
        taken.append(action)
        out, reward, terminated, _, _ = world.step(numpy.array([action], dtype=numpy.float32) if continuous else int(action))
        seen.extend(out)
        rewards.append(reward)
        ended.append(terminated)
        if terminated:
            break
    print(f"\nenum {{ {name}_steps_max = {world.spec.max_episode_steps} }};")
    array("double", name + "_actions", taken)
    array("double", name + "_seen", seen)
    array("double", name + "_rewards", rewards)
    array("int", name + "_ended", ended)


walk("cartpole", "CartPole-v1", numpy.array([0.02, -0.03, 0.04, 0.01]), [int(i % 5 in (0, 1, 3)) for i in range(60)], False)
# Pendulum's torque is -2..2; ours is -1..1 and scaled, so the actions written down are halved below.
torques = [2 * math.sin(0.37 * i) + (0.8 if i > 20 else -0.5) for i in range(40)]
walk("pendulum", "Pendulum-v1", numpy.array([2.5, -0.4]), torques, True)
walk("mountain_car", "MountainCarContinuous-v0", numpy.array([-0.5, 0.0]), [lambda state: 0.9 if state[1] >= 0 else -1.2] * 200, True)
for name, size in (("lake_4", "4x4"), ("lake_8", "8x8")):
    lake = gymnasium.make("FrozenLake-v1" if size == "4x4" else "FrozenLake8x8-v1", map_name=size, is_slippery=False)
    table = lake.unwrapped.P
    slippery = gymnasium.make("FrozenLake-v1" if size == "4x4" else "FrozenLake8x8-v1", map_name=size, is_slippery=True).unwrapped.P
    print(f"\nenum {{ {name}_steps_max = {lake.spec.max_episode_steps} }};")
    array("int", name + "_leads", [table[s][a][0][1] for s in table for a in range(4)])
    array("double", name + "_reward", [table[s][a][0][2] for s in table for a in range(4)])
    array("int", name + "_ends", [table[s][a][0][3] for s in table for a in range(4)])
    # The three ways a slippery step may go, in any order, each with a third.
    array("int", name + "_slips", [x[1] for s in slippery for a in range(4) for x in (sorted(slippery[s][a], key=lambda x: x[1]) * 3)[:3]])

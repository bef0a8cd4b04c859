/*
 * bench/gym.h - worlds whose best returns are known, to check learners against.
 *
 * The dynamics are those that Gymnasium publishes under the same names;
 * tests/unit/test_gym.c compares step by step.  Not part of the program.
 */
#ifndef GYM_H
#define GYM_H

#include "math/learn/world.h"

/* Keep a pole on a cart upright: 4 numbers, push left or right, 1 for each step, 500 at most (v1). */
struct gym_cartpole { double x, v, angle, spin; int steps; };
extern const struct math_world_kind gym_cartpole;

/* Swing a pendulum up and hold it: cos, sin, speed; torque -1..1 (times 2); costs, never ends by itself, 200 steps (v1). */
struct gym_pendulum { double angle, speed; int steps; };
extern const struct math_world_kind gym_pendulum;

/* Drive out of a valley with too weak a motor: place, speed; force -1..1; 100 at the top minus the effort, 999 steps (v0). */
struct gym_mountain_car { double place, speed; int steps; };
extern const struct math_world_kind gym_mountain_car;

/* Cross a slippery lake: the number of the field; left, down, right, up, each taken or missed by a quarter turn with 1/3 each;
 * 1 at the goal, ends there and in holes; 100 steps on 4 x 4 and 200 on 8 x 8 (v1). */
struct gym_lake { int field, steps; };
struct gym_lake_map { int side, steps_max; const char *fields; };
extern const struct math_world_kind gym_lake_4, gym_lake_8;
int gym_lake_move(const struct gym_lake_map *map, int field, int direction);     /* where a step without slipping leads */

#endif

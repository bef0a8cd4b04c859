/* bench/gym.c - the published dynamics. */
#include "gym.h"

#include <math.h>

static double between(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
static double uniform(struct rand *chance, double lo, double hi) { return lo + (hi - lo) * rand_unit(chance); }

/* ---- cart and pole (Barto, Sutton, Anderson 1983) -------------------------------------------------------------------- */

static void cartpole_show(const struct gym_cartpole *s, double *seen)
{
    seen[0] = s->x;
    seen[1] = s->v;
    seen[2] = s->angle;
    seen[3] = s->spin;
}

static void cartpole_reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    struct gym_cartpole *s = world;
    (void)kind;
    *s = (struct gym_cartpole){ 0 };
    s->x = uniform(chance, -0.05, 0.05);
    s->v = uniform(chance, -0.05, 0.05);
    s->angle = uniform(chance, -0.05, 0.05);
    s->spin = uniform(chance, -0.05, 0.05);
    cartpole_show(s, seen);
}

static struct math_outcome cartpole_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    const double         gravity = 9.8, pole = 0.1, all = 1.1, half = 0.5, tau = 0.02, x_most = 2.4, angle_most = 12 * 2 * M_PI / 360;
    struct gym_cartpole *s = world;
    (void)kind;
    (void)chance;
    double force = action[0] > 0.5 ? 10 : -10, c = cos(s->angle), d = sin(s->angle);
    double push = (force + pole * half * s->spin * s->spin * d) / all;
    double spin_up = (gravity * d - c * push) / (half * (4.0 / 3 - pole * c * c / all));
    double speed_up = push - pole * half * spin_up * c / all;
    s->x += tau * s->v;
    s->v += tau * speed_up;
    s->angle += tau * s->spin;
    s->spin += tau * spin_up;
    s->steps++;
    cartpole_show(s, seen);
    return (struct math_outcome){ 1, fabs(s->x) > x_most || fabs(s->angle) > angle_most, s->steps >= 500 };
}

const struct math_world_kind gym_cartpole = {
    .name = "CartPole-v1", .observation = 4, .action = 2, .discrete = true, .size = sizeof(struct gym_cartpole), .reset = cartpole_reset, .step = cartpole_step,
};

/* ---- pendulum -------------------------------------------------------------------------------------------------------- */

static void pendulum_show(const struct gym_pendulum *s, double *seen)
{
    seen[0] = cos(s->angle);
    seen[1] = sin(s->angle);
    seen[2] = s->speed;
}

static void pendulum_reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    struct gym_pendulum *s = world;
    (void)kind;
    *s = (struct gym_pendulum){ 0 };
    s->angle = uniform(chance, -M_PI, M_PI);
    s->speed = uniform(chance, -1, 1);
    pendulum_show(s, seen);
}

static struct math_outcome pendulum_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    const double         gravity = 10, dt = 0.05;      /* mass and length are 1 */
    struct gym_pendulum *s = world;
    (void)kind;
    (void)chance;
    double torque = between(2 * action[0], -2, 2);
    double off = s->angle + M_PI - 2 * M_PI * floor((s->angle + M_PI) / (2 * M_PI)) - M_PI;
    double cost = off * off + 0.1 * s->speed * s->speed + 0.001 * torque * torque;
    s->speed = between(s->speed + (1.5 * gravity * sin(s->angle) + 3 * torque) * dt, -8, 8);
    s->angle += s->speed * dt;
    s->steps++;
    pendulum_show(s, seen);
    return (struct math_outcome){ -cost, false, s->steps >= 200 };
}

const struct math_world_kind gym_pendulum = {
    .name = "Pendulum-v1", .observation = 3, .action = 1, .size = sizeof(struct gym_pendulum), .reset = pendulum_reset, .step = pendulum_step,
};

/* ---- mountain car ---------------------------------------------------------------------------------------------------- */

static void mountain_car_reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    struct gym_mountain_car *s = world;
    (void)kind;
    *s = (struct gym_mountain_car){ 0 };
    seen[0] = s->place = uniform(chance, -0.6, -0.4);
    seen[1] = 0;
}

static struct math_outcome mountain_car_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    struct gym_mountain_car *s = world;
    (void)kind;
    (void)chance;
    double speed = between(s->speed + 0.0015 * between(action[0], -1, 1) - 0.0025 * cos(3 * s->place), -0.07, 0.07);
    double place = between(s->place + speed, -1.2, 0.6);
    if (place <= -1.2 && speed < 0)
        speed = 0;
    bool there = place >= 0.45 && speed >= 0;
    s->place = (double)(float)place;       /* the original keeps its state in single precision */
    s->speed = (double)(float)speed;
    s->steps++;
    seen[0] = s->place;
    seen[1] = s->speed;
    return (struct math_outcome){ (there ? 100 : 0) - 0.1 * action[0] * action[0], there, s->steps >= 999 };
}

const struct math_world_kind gym_mountain_car = {
    .name = "MountainCarContinuous-v0", .observation = 2, .action = 1, .size = sizeof(struct gym_mountain_car), .reset = mountain_car_reset, .step = mountain_car_step,
};

/* ---- frozen lake ----------------------------------------------------------------------------------------------------- */

int gym_lake_move(const struct gym_lake_map *map, int field, int direction)
{
    static const int down[] = { 0, 1, 0, -1 }, right[] = { -1, 0, 1, 0 };
    int row = field / map->side + down[direction], col = field % map->side + right[direction];
    row = row < 0 ? 0 : row >= map->side ? map->side - 1 : row;
    col = col < 0 ? 0 : col >= map->side ? map->side - 1 : col;
    return row * map->side + col;
}

static void lake_reset(const struct math_world_kind *kind, void *world, struct rand *chance, double *seen)
{
    struct gym_lake *s = world;
    (void)kind;
    (void)chance;
    *s = (struct gym_lake){ 0 };
    seen[0] = 0;
}

static struct math_outcome lake_step(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *seen)
{
    const struct gym_lake_map *map = kind->setting;
    struct gym_lake           *s = world;
    int                        direction = ((int)action[0] + 3 + (int)rand_int(chance, 0, 2)) % 4;     /* a quarter turn to either side, or not */
    s->field = gym_lake_move(map, s->field, direction);
    s->steps++;
    seen[0] = s->field;
    char on = map->fields[s->field];
    return (struct math_outcome){ on == 'G' ? 1 : 0, on == 'G' || on == 'H', s->steps >= map->steps_max };
}

static const struct gym_lake_map map_4 = { 4, 100, "SFFF" "FHFH" "FFFH" "HFFG" };
static const struct gym_lake_map map_8 = { 8, 200, "SFFFFFFF" "FFFFFFFF" "FFFHFFFF" "FFFFFHFF" "FFFHFFFF" "FHHFFFHF" "FHFFHFHF" "FFFHFFFG" };

const struct math_world_kind gym_lake_4 = {
    .name = "FrozenLake-v1", .observation = 1, .action = 4, .discrete = true, .size = sizeof(struct gym_lake), .setting = &map_4, .reset = lake_reset, .step = lake_step,
};
const struct math_world_kind gym_lake_8 = {
    .name = "FrozenLake8x8-v1", .observation = 1, .action = 4, .discrete = true, .size = sizeof(struct gym_lake), .setting = &map_8, .reset = lake_reset, .step = lake_step,
};

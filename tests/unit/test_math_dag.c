/* math: graphs answer what the textbook's graphs are known for, and agree with slower ways of asking on graphs drawn at random. */
#include "unit.h"

#include "base/rand.h"
#include "math/cause/identify.h"

#include <string.h>

#define S(node) (UINT64_C(1) << (node))

/* Edges as pairs of letters: "XM MY" with nodes A, B, C, ... in the order of `nodes`. */
static struct math_dag graph(const char *nodes, const char *edges, const char *hidden)
{
    struct math_dag g;
    struct fault fault;
    assert_ok(math_dag_init(&g, (int)strlen(nodes), &fault), &fault);
    for (const char *e = edges; *e; e += e[2] ? 3 : 2)
        assert_ok(math_dag_edge(&g, (int)(strchr(nodes, e[0]) - nodes), (int)(strchr(nodes, e[1]) - nodes), &fault), &fault);
    for (; *hidden; hidden++)
        math_dag_hide(&g, S(strchr(nodes, *hidden) - nodes));
    return g;
}

static struct math_identity identity(const struct math_dag *g, int x, int y)
{
    struct math_identity id;
    struct fault fault;
    assert_ok(math_identify(g, x, y, &id, &fault), &fault);
    return id;
}

static void ways_open_and_close_as_pearl_says(void **state)
{
    (void)state;
    struct math_dag chain = graph("ABC", "AB BC", ""), fork = graph("ABC", "BA BC", ""), collider = graph("ABCD", "AB CB BD", "");
    assert_false(math_dag_separated(&chain, S(0), S(2), 0));
    assert_true(math_dag_separated(&chain, S(0), S(2), S(1)));
    assert_false(math_dag_separated(&fork, S(0), S(2), 0));
    assert_true(math_dag_separated(&fork, S(0), S(2), S(1)));
    assert_true(math_dag_separated(&collider, S(0), S(2), 0));
    assert_false(math_dag_separated(&collider, S(0), S(2), S(1)));
    assert_false(math_dag_separated(&collider, S(0), S(2), S(3)));   /* what a collider causes gives it away, too */
}

static void a_circle_is_refused_and_so_is_a_node_that_is_not_there(void **state)
{
    (void)state;
    struct math_dag g = graph("ABC", "AB BC", "");
    struct fault fault;
    assert_int_equal(math_dag_edge(&g, 2, 0, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "circle"));
    assert_int_equal(math_dag_edge(&g, 1, 1, &fault), ERR_INPUT);
    assert_int_equal(math_dag_edge(&g, 0, 3, &fault), ERR_INPUT);
    assert_int_equal(math_dag_init(&g, 65, &fault), ERR_INPUT);
    g = graph("AB", "AB", "");
    struct math_identity id;
    assert_int_equal(math_identify(&g, 0, 0, &id, &fault), ERR_INPUT);
    assert_int_equal(math_identify(&g, 0, 7, &id, &fault), ERR_INPUT);
    math_dag_hide(&g, S(1));
    assert_int_equal(math_identify(&g, 0, 1, &id, &fault), ERR_INPUT);
}

static void a_common_cause_is_adjusted_for(void **state)
{
    (void)state;
    struct math_dag g = graph("XYC", "XY CX CY", "");
    struct math_identity id = identity(&g, 0, 1);
    assert_int_equal(id.how, MATH_BACK_DOOR);
    assert_int_equal(id.adjust, S(2));
    assert_int_equal(id.efficient, S(2));
}

static void the_m_graph_needs_nothing_and_breaks_when_its_collider_is_adjusted_for(void **state)
{
    (void)state;
    struct math_dag g = graph("XYMUV", "XY UX UM VM VY", "UV");
    struct math_identity id = identity(&g, 0, 1);
    assert_int_equal(id.how, MATH_BACK_DOOR);
    assert_int_equal(id.adjust, 0);
    assert_false(math_back_door(&g, 0, 1, S(2)));
}

static void a_mediator_or_a_common_effect_is_never_adjusted_for(void **state)
{
    (void)state;
    struct math_dag g = graph("XYMC", "XM MY XC YC", "");
    struct math_identity id = identity(&g, 0, 1);
    assert_int_equal(id.how, MATH_BACK_DOOR);
    assert_int_equal(id.adjust, 0);
    assert_false(math_back_door(&g, 0, 1, S(2)) || math_back_door(&g, 0, 1, S(3)));
}

static void the_front_door_opens_where_the_back_door_is_hidden(void **state)
{
    (void)state;
    struct math_dag g = graph("XYMU", "XM MY UX UY", "U");
    struct math_identity id = identity(&g, 0, 1);
    assert_int_equal(id.how, MATH_FRONT_DOOR);
    assert_int_equal(id.mediators, S(2));
    struct math_dag two = graph("XYMNU", "XM XN MY NY UX UY", "U");
    assert_int_equal(identity(&two, 0, 1).mediators, S(2) | S(3));
    struct math_dag row = graph("XYMNU", "XM MN NY UX UY", "U");
    id = identity(&row, 0, 1);
    assert_int_equal(id.how, MATH_FRONT_DOOR);
    assert_true(id.mediators == S(2) || id.mediators == S(3));         /* one of the two is enough */
    struct math_dag leak = graph("XYMU", "XM MY XY UX UY", "U");       /* some of the effect goes past the door */
    assert_int_equal(identity(&leak, 0, 1).how, MATH_UNIDENTIFIED);
    struct math_dag stained = graph("XYMU", "XM MY UX UY UM", "U");    /* the hidden cause reaches the door */
    assert_int_equal(identity(&stained, 0, 1).how, MATH_UNIDENTIFIED);
}

static void an_instrument_is_named_but_does_not_identify_by_itself(void **state)
{
    (void)state;
    struct math_dag g = graph("XYZU", "ZX XY UX UY", "U");
    struct math_identity id = identity(&g, 0, 1);
    assert_int_equal(id.how, MATH_UNIDENTIFIED);
    assert_int_equal(id.instruments, S(2));
    assert_int_equal(id.adjust | id.mediators | id.efficient, 0);
    struct math_dag spoilt = graph("XYZU", "ZX ZY XY UX UY", "U");
    assert_int_equal(identity(&spoilt, 0, 1).instruments, 0);
    assert_string_equal(math_identified_name(id.how), "not identified");
}

static void without_a_way_there_is_no_effect(void **state)
{
    (void)state;
    struct math_dag g = graph("XYU", "YX UX UY", "U");
    assert_int_equal(identity(&g, 0, 1).how, MATH_NO_EFFECT);
}

static void all_minimal_sets_are_listed_smallest_first(void **state)
{
    (void)state;
    struct math_dag g = graph("XYABC", "XY AX AB BY CX CY", "");       /* close A -> B on either node, and C anyway */
    uint64_t sets[8];
    assert_int_equal(math_back_door_sets(&g, 0, 1, sets, 8), 2);
    assert_int_equal(sets[0] | sets[1], S(2) | S(3) | S(4));
    assert_true((sets[0] & sets[1]) == S(4));
    assert_int_equal(identity(&g, 0, 1).efficient, S(3) | S(4));       /* what is nearest to the outcome leaves the least noise */
}

static void the_strength_of_one_edge_has_a_door_of_its_own(void **state)
{
    (void)state;
    struct math_dag g = graph("XMYC", "XM MY XY CM CY", "");
    uint64_t z;
    assert_true(math_single_door(&g, 1, 2, &z));
    assert_int_equal(z, S(0) | S(3));
    assert_true(math_single_door(&g, 0, 1, &z));
    assert_int_equal(z, 0);
    math_dag_hide(&g, S(3));
    assert_false(math_single_door(&g, 1, 2, &z));
}

static void paths_are_listed_and_nodes_ordered(void **state)
{
    (void)state;
    struct math_dag g = graph("YABXC", "XA AB BY XB XY CX", "");
    struct math_path paths[8];
    assert_int_equal(math_dag_paths(&g, 3, 0, paths, 8), 3);
    assert_int_equal(math_dag_paths(&g, 0, 3, paths, 8), 0);
    assert_int_equal(math_dag_paths(&g, 3, 0, NULL, 0), 3);
    assert_int_equal(math_dag_between(&g, 3, 0), S(1) | S(2));
    int order[5], at[5];
    math_dag_order(&g, order);
    for (int i = 0; i < 5; i++)
        at[order[i]] = i;
    assert_true(at[4] < at[3] && at[3] < at[1] && at[1] < at[2] && at[2] < at[0]);
}

/* ---- graphs drawn at random ---- */

enum { GRAPHS = 300, NODES = 7 };

static struct math_dag drawn(struct rand *r, double density)
{
    struct math_dag g;
    struct fault fault;
    assert_ok(math_dag_init(&g, NODES, &fault), &fault);
    for (int a = 0; a < NODES; a++)
        for (int b = a + 1; b < NODES; b++)
            if (rand_unit(r) < density)
                assert_ok(math_dag_edge(&g, a, b, &fault), &fault);
    return g;
}

/* The other definition (Lauritzen et al. 1990): marry the parents among the ancestors, forget directions, walk around z. */
static bool separated_by_marriage(const struct math_dag *g, uint64_t a, uint64_t b, uint64_t z)
{
    uint64_t in = math_dag_ancestors(g, a | b | z), near[NODES] = { 0 }, seen = a & ~z;
    for (int v = 0; v < NODES; v++) {
        if (!(in & S(v)))
            continue;
        uint64_t clan = (g->parents[v] & in) | S(v);
        for (int u = 0; u < NODES; u++)
            if (clan & S(u))
                near[u] |= clan;
    }
    for (uint64_t before = 0; before != seen;) {
        before = seen;
        for (int v = 0; v < NODES; v++)
            if (seen & S(v))
                seen |= near[v] & ~z;
    }
    return !(seen & b & ~z);
}

static void both_definitions_of_separation_agree(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 1);
    for (int i = 0; i < GRAPHS; i++) {
        struct math_dag g = drawn(&r, 0.35);
        for (int a = 0; a < NODES; a++)
            for (int b = 0; b < NODES; b++)
                for (uint64_t z = 0; z < S(NODES) && a != b; z += 1 + rand_u64(&r) % 8)
                    if (!(z & (S(a) | S(b))))
                        assert_int_equal(math_dag_separated(&g, S(a), S(b), z), separated_by_marriage(&g, S(a), S(b), z));
    }
}

static void nothing_that_can_be_identified_by_trying_all_sets_is_missed(void **state)
{
    (void)state;
    struct rand r;
    rand_seed(&r, 2);
    int seen[MATH_IDENTIFIED_COUNT] = { 0 };
    for (int i = 0; i < 40 * GRAPHS; i++) {
        struct math_dag g = drawn(&r, 0.3);
        int x = (int)rand_int(&r, 1, NODES - 2), y = (int)rand_int(&r, x + 1, NODES - 1);
        if (i % 2) {                                                   /* else front doors would be rare */
            g.children[0] |= S(x) | S(y);
            g.parents[x] |= S(0), g.parents[y] |= S(0);
            math_dag_hide(&g, S(0));
        }
        math_dag_hide(&g, rand_u64(&r) & rand_u64(&r) & (S(NODES) - 1) & ~S(x) & ~S(y));
        struct math_identity id = identity(&g, x, y);
        seen[id.how]++;
        bool back = false, front = false;
        for (uint64_t z = 0; z < S(NODES); z++) {
            back |= math_back_door(&g, x, y, z);
            front |= math_front_door(&g, x, y, z);
        }
        if (id.how == MATH_NO_EFFECT)
            continue;
        assert_int_equal(id.how == MATH_BACK_DOOR, back);
        assert_int_equal(id.how == MATH_FRONT_DOOR, front && !back);
        uint64_t set = id.how == MATH_BACK_DOOR ? id.adjust : id.mediators;
        assert_true(id.how != MATH_BACK_DOOR || (math_back_door(&g, x, y, id.adjust) && math_back_door(&g, x, y, id.efficient)));
        assert_true(id.how != MATH_FRONT_DOOR || math_front_door(&g, x, y, id.mediators));
        for (uint64_t left = set; left && id.how == MATH_BACK_DOOR; left &= left - 1)
            assert_false(math_back_door(&g, x, y, set & ~(left & -left)));
    }
    for (int how = 0; how < MATH_IDENTIFIED_COUNT; how++)
        assert_true(seen[how] > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_open_and_close_as_pearl_says),
        cmocka_unit_test(a_circle_is_refused_and_so_is_a_node_that_is_not_there),
        cmocka_unit_test(a_common_cause_is_adjusted_for),
        cmocka_unit_test(the_m_graph_needs_nothing_and_breaks_when_its_collider_is_adjusted_for),
        cmocka_unit_test(a_mediator_or_a_common_effect_is_never_adjusted_for),
        cmocka_unit_test(the_front_door_opens_where_the_back_door_is_hidden),
        cmocka_unit_test(an_instrument_is_named_but_does_not_identify_by_itself),
        cmocka_unit_test(without_a_way_there_is_no_effect),
        cmocka_unit_test(all_minimal_sets_are_listed_smallest_first),
        cmocka_unit_test(the_strength_of_one_edge_has_a_door_of_its_own),
        cmocka_unit_test(paths_are_listed_and_nodes_ordered),
        cmocka_unit_test(both_definitions_of_separation_agree),
        cmocka_unit_test(nothing_that_can_be_identified_by_trying_all_sets_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

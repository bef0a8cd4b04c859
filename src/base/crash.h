/*
 * base/crash.h - numbered places where a test may kill the program.
 *
 *     CRASH_POINT(CRASH_BEFORE_COMMIT);
 *
 * Nothing happens unless the environment names the point when the program starts:
 *     HOMEOSTAT_CRASH_AT=12      SIGKILL to ourselves the first time point 12 is passed
 *     HOMEOSTAT_CRASH_AT=12:3    the third time
 *     HOMEOSTAT_CRASH_AT=12:3:20 the third time, but its thread stands still for 20 ms first while the others go on
 * Numbers are stable: tests and reports quote them.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#define CRASH_MAP(X)                                                          \
    X(1,  BEFORE_BEGIN,      "before a turn's transaction begins")            \
    X(2,  AFTER_CASE,        "after the case row, before its timeline")       \
    X(3,  AFTER_TIMELINE,    "after the timeline row, before the outbox")     \
    X(4,  AFTER_OUTBOX,      "after the outbox rows, before idempotency")     \
    X(5,  BEFORE_COMMIT,     "before the turn's commit")                      \
    X(6,  AFTER_COMMIT,      "after the commit, before replies and orders")   \
    X(7,  BEFORE_PUBLISH,    "before an outbox message is published")         \
    X(8,  AFTER_PUBLISH,     "after publishing, before it is marked")         \
    X(9,  AFTER_MARK,        "after it is marked as published")               \
    X(10, BEFORE_REPLY,      "before the HTTP reply is written")              \
    X(11, AFTER_REPLY,       "after the HTTP reply is queued")                \
    X(12, BEFORE_INTENT,     "before an action's intent is recorded")         \
    X(13, AFTER_INTENT,      "after the intent is durable, before the worker is told") \
    X(14, BEFORE_UNDO_FILE,  "before the undo script is written")             \
    X(15, AFTER_UNDO_FILE,   "after the undo script is on disk")              \
    X(16, BEFORE_EFFECT,     "in the worker, before the side effect")         \
    X(17, MID_EFFECT,        "in the worker, between two parts of the side effect") \
    X(18, AFTER_EFFECT,      "in the worker, after the side effect, before read-back") \
    X(19, AFTER_READBACK,    "in the worker, before the result is sent")      \
    X(20, BEFORE_RESULT,     "before an action's result is recorded")         \
    X(21, AFTER_RESULT,      "after the result is durable")                   \
    X(22, IN_RECOVERY,       "during recovery, before the witness is read")   \
    X(23, AFTER_RECOVERY,    "after recovery, before normal work")

enum crash_point {
#define X(number, name, text) CRASH_##name = number,
    CRASH_MAP(X)
#undef X
};

extern int crash_armed;   /* the point that is armed, 0 for none; read-only outside crash.c */

void crash_arm_from_environment(void);
void crash_hit(enum crash_point p);
const char *crash_text(int number);   /* NULL when there is no such point */

#define CRASH_POINT(p) do { if (__builtin_expect(crash_armed != 0, 0)) crash_hit(p); } while (0)

#endif

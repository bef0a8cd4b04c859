"""Tests of how long or how often something takes, on machines where anything may stand still for seconds at any place."""
import functools


def in_one_of(tries):
    """@in_one_of(3): what the test asserts holds in one of so many runs of it at least, each with servers and processes of its own.

    A time or a rate is only what it should be while nothing stood still, which a test cannot know. What is wrong is wrong each time.
    """
    def of(test):
        @functools.wraps(test)
        def run(*args, **named):
            for left in reversed(range(tries)):
                try:
                    return test(*args, **named)
                except Exception as why:      # not what pytest itself raises: to skip is no failure
                    if not left:
                        raise
                    print(f"once more, after {type(why).__name__}: {str(why)[:2000]}")
        return run
    return of

# SPDX-License-Identifier: MIT
"""The module unittest for tests of MicroPython's suite, with the interface of micropython-lib's.

Runs on the board before a test that imports it, since MicroPython's source package comes without
micropython-lib. It writes no file: a class stands in sys.modules as the module. run-tests.py reads
the last lines that main() prints.
"""

import sys


class _Unittest:
    """What `import unittest` binds."""

    class SkipTest(Exception):
        """Raised by a test that cannot run here; its argument says why."""

    class TestCase:
        """A group of tests: each method whose name begins with test is one."""

        def setUpClass(self):
            pass

        def tearDownClass(self):
            pass

        def setUp(self):
            pass

        def tearDown(self):
            pass

        def addCleanup(self, function, *args, **kwargs):
            self._cleanups.append((function, args, kwargs))

        def doCleanups(self):
            while self._cleanups:
                function, args, kwargs = self._cleanups.pop()
                function(*args, **kwargs)

        def skipTest(self, reason):
            raise unittest.SkipTest(reason)

        def fail(self, msg=""):
            raise AssertionError(msg)

        def _check(self, good, msg, form, *values):
            if not good:
                self.fail(msg or form % values)

        def assertTrue(self, value, msg=""):
            self._check(value, msg, "%r is not true", value)

        def assertFalse(self, value, msg=""):
            self._check(not value, msg, "%r is not false", value)

        def assertEqual(self, first, second, msg=""):
            self._check(first == second, msg, "%r != %r", first, second)

        def assertNotEqual(self, first, second, msg=""):
            self._check(first != second, msg, "%r == %r", first, second)

        def assertLess(self, first, second, msg=""):
            self._check(first < second, msg, "%r >= %r", first, second)

        def assertLessEqual(self, first, second, msg=""):
            self._check(first <= second, msg, "%r > %r", first, second)

        def assertGreater(self, first, second, msg=""):
            self._check(first > second, msg, "%r <= %r", first, second)

        def assertGreaterEqual(self, first, second, msg=""):
            self._check(first >= second, msg, "%r < %r", first, second)

        def assertIs(self, first, second, msg=""):
            self._check(first is second, msg, "%r is not %r", first, second)

        def assertIsNot(self, first, second, msg=""):
            self._check(first is not second, msg, "%r is %r", first, second)

        def assertIsNone(self, value, msg=""):
            self._check(value is None, msg, "%r is not None", value)

        def assertIsNotNone(self, value, msg=""):
            self._check(value is not None, msg, "the value is None")

        def assertIn(self, item, container, msg=""):
            self._check(item in container, msg, "%r is not in %r", item, container)

        def assertNotIn(self, item, container, msg=""):
            self._check(item not in container, msg, "%r is in %r", item, container)

        def assertIsInstance(self, value, kind, msg=""):
            self._check(isinstance(value, kind), msg, "%r is not a %r", value, kind)

        def _near(self, first, second, places, delta):
            if first == second:
                return True
            if delta is not None:
                return abs(first - second) <= delta
            return round(abs(first - second), 7 if places is None else places) == 0

        def assertAlmostEqual(self, first, second, places=None, msg="", delta=None):
            near = self._near(first, second, places, delta)
            self._check(near, msg, "%r is far from %r", first, second)

        def assertNotAlmostEqual(self, first, second, places=None, msg="", delta=None):
            near = self._near(first, second, places, delta)
            self._check(not near, msg, "%r is near %r", first, second)

        def assertRaises(self, expected, function=None, *args, **kwargs):
            context = _Raises(expected)
            if function is None:
                return context
            with context:
                function(*args, **kwargs)

        def subTest(self, msg=None, **params):
            return _SubTest(self, msg, params)

    def skip(reason):
        def decorate(test):
            def skipped(self):
                raise unittest.SkipTest(reason)

            return skipped

        return decorate

    def skipIf(condition, reason):
        return unittest.skip(reason) if condition else lambda test: test

    def skipUnless(condition, reason):
        return unittest.skipIf(not condition, reason)

    def expectedFailure(test):
        def inverted(self):
            try:
                test(self)
            except Exception:
                return
            raise AssertionError("unexpected success")

        return inverted

    def main(module="__main__"):
        counts = {"run": 0, "failures": 0, "errors": 0, "skipped": 0}
        if isinstance(module, str):
            module = __import__(module)
        for name in dir(module):
            kind = getattr(module, name)
            if isinstance(kind, type) and issubclass(kind, unittest.TestCase):
                _run_class(kind, counts)
        print("-" * 70)
        print(f"Ran {counts['run']} tests\n")
        if counts["failures"] or counts["errors"]:
            print(f"FAILED (failures={counts['failures']}, errors={counts['errors']})")
        else:
            print(f"OK (skipped={counts['skipped']})" if counts["skipped"] else "OK")


class _Raises:
    """Context that needs an exception, and keeps it."""

    def __init__(self, expected):
        self.expected = expected
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, exception, traceback):
        if kind is None:
            raise AssertionError(f"{self.expected} not raised")
        self.exception = exception
        return issubclass(kind, self.expected)


class _SubTest:
    """Context whose failure is counted and does not end the test."""

    def __init__(self, case, msg, params):
        self.case = case
        self.title = f"{msg or ''} {params or ''}"

    def __enter__(self):
        pass

    def __exit__(self, kind, exception, traceback):
        if kind is not None and issubclass(kind, Exception):
            self.case._problems.append((self.title, exception))
            return True
        return False


def _count(counts, name, exception):
    if isinstance(exception, unittest.SkipTest):
        counts["skipped"] += 1
        print(name, "skipped:", *exception.args)
        return
    counts["failures" if isinstance(exception, AssertionError) else "errors"] += 1
    print(name)
    sys.print_exception(exception)


def _run_test(case, name, counts):
    case._problems = []
    case._cleanups = []
    counts["run"] += 1
    try:
        case.setUp()
        try:
            getattr(case, name)()
        finally:
            case.tearDown()
            case.doCleanups()
    except Exception as exception:
        case._problems.append(("", exception))
    if not case._problems:
        print(name, "ok")
    for title, exception in case._problems:
        _count(counts, f"{name} {title}", exception)


def _run_class(kind, counts):
    case = kind()
    case.setUpClass()
    try:
        for name in dir(kind):
            if name.startswith("test") and callable(getattr(kind, name)):
                _run_test(case, name, counts)
    finally:
        case.tearDownClass()


unittest = sys.modules["unittest"] = _Unittest

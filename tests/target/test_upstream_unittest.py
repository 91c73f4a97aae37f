# SPDX-License-Identifier: MIT
"""The module unittest that MicroPython's own tests get on the board."""

from __future__ import annotations

import pytest

from pimem.dev.upstream_tests import UNITTEST
from pimem.testing.board_session import Machine

TESTS = """\
import unittest

calls = []

class Good(unittest.TestCase):
    def setUpClass(self):
        calls.append("class")

    def setUp(self):
        self.addCleanup(calls.append, "cleanup")

    def test_equal(self):
        self.assertEqual(1 + 1, 2)
        self.assertAlmostEqual(0.1 + 0.2, 0.3)
        self.assertIn(1, [1])
        self.assertIsNone(None)

    def test_raises(self):
        with self.assertRaises(KeyError) as context:
            {}["x"]
        self.assertEqual(context.exception.args, ("x",))
        self.assertRaises(ZeroDivisionError, lambda: 1 // 0)

    @unittest.skipIf(True, "not here")
    def test_skipped(self):
        calls.append("wrong")

    @unittest.expectedFailure
    def test_expected(self):
        self.fail("as expected")

    def helper(self):
        calls.append("wrong")
"""

BAD = """
class Bad(unittest.TestCase):
    def test_error(self):
        raise OSError(5)

    def test_not_raised(self):
        with self.assertRaises(ValueError):
            pass

    def test_other(self):
        with self.assertRaises(ValueError):
            raise TypeError

    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertEqual(n, 1)
"""

LINE = "-" * 70


@pytest.fixture
def unittest_board(board: Machine) -> Machine:
    board.exec(UNITTEST.read_text())
    return board


def last_lines(text: str) -> list[str]:
    return text.replace("\r", "").splitlines()[-4:]


def test_tests_that_pass_end_with_ok(unittest_board: Machine) -> None:
    printed = unittest_board.exec(TESTS + "unittest.main()\n")
    assert last_lines(printed) == [LINE, "Ran 4 tests", "", "OK (skipped=1)"]
    assert unittest_board.eval("calls") == ["class", *["cleanup"] * 4]


def test_failures_and_errors_are_counted_and_printed(unittest_board: Machine) -> None:
    printed = unittest_board.exec(TESTS + BAD + "unittest.main()\n")
    assert last_lines(printed) == [LINE, "Ran 8 tests", "", "FAILED (failures=3, errors=2)"]
    for text in (
        "test_error",
        "OSError: [Errno 5] EIO",
        "ValueError'> not raised",
        "0 != 1",
        "2 != 1",
    ):
        assert text in printed

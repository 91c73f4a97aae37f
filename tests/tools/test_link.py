# SPDX-License-Identifier: MIT
"""The serial link against a fake board: raw REPL, flow control, trouble."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from fake_board import CRASH, WINDOW, FakeBoard

from pimem.board.errors import BoardCrash, NoAnswer, ScriptError
from pimem.board.line import begun
from pimem.board.link import Link
from pimem.exits import Refusal

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def link(fake: FakeBoard) -> Iterator[Link]:
    with Link(fake.url, silence=5) as opened:
        opened.enter_raw_repl()
        yield opened


def test_a_script_returns_what_it_prints(link: Link) -> None:
    assert link.run("print('one')\nprint(2)") == "one\n2\n"


def test_scripts_run_one_after_the_other(link: Link) -> None:
    assert [link.run(f"print({n})") for n in range(3)] == ["0\n", "1\n", "2\n"]


@pytest.mark.parametrize("size", [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 4 * WINDOW, 1000])
def test_no_byte_is_sent_without_leave(link: Link, fake: FakeBoard, size: int) -> None:
    assert link.run("#" * size) == ""
    assert fake.overruns == 0


def test_text_beyond_ascii_goes_both_ways(link: Link) -> None:
    assert link.run("print('π ≈ 3')") == "π ≈ 3\n"


def test_output_arrives_while_the_script_runs(link: Link, fake: FakeBoard) -> None:
    sunk: list[bytes] = []

    def sink(data: bytes) -> None:
        sunk.append(data)
        fake.go.set()  # only now does the script go on

    link.run("print('first', end='')\nassert wait()\nprint('second')", sink=sink)
    assert b"".join(sunk) == b"firstsecond\r\n"


def test_an_exception_comes_back_with_its_traceback_and_the_output_before(link: Link) -> None:
    with pytest.raises(ScriptError) as caught:
        link.run("print('before')\n1 / 0")
    assert str(caught.value) == "ZeroDivisionError: division by zero"
    assert caught.value.traceback.startswith("Traceback")
    assert caught.value.output == "before\n"
    assert link.run("print('after')") == "after\n"


def test_a_board_that_refuses_the_rest_of_a_script_says_why(link: Link) -> None:
    with pytest.raises(ScriptError, match="SyntaxError: stopped"):
        link.run("!stop!" + "x" * 500)
    assert link.run("print('after')") == "after\n"


def test_a_soft_reset_comes_back_to_the_raw_repl(link: Link, fake: FakeBoard) -> None:
    link.soft_reset()
    assert fake.resets == 1
    assert link.run("print(1)") == "1\n"


def test_leaving_the_raw_repl_and_entering_it_again(link: Link) -> None:
    link.leave_raw_repl()
    link.enter_raw_repl()
    assert link.run("print(1)") == "1\n"


def test_a_crash_is_reported_at_once_with_its_json_and_its_text(link: Link) -> None:
    sunk: list[bytes] = []
    with pytest.raises(BoardCrash, match="the board crashed: test") as caught:
        link.run("print('before')\ncrash()", sink=sunk.append)
    assert caught.value.report == {"cause": "test", "far": "0x10"}
    assert caught.value.text.startswith("*** crash: exception in the fake\n")
    assert b"".join(sunk).startswith(b"before")
    assert b"crash" not in b"".join(sunk)


def test_output_that_looks_like_a_crash_report_is_not_lost(link: Link) -> None:
    sunk: list[bytes] = []
    text = "before\n*** crash of the stock market\nCRASHED {no}\n"
    assert link.run(f"print({text!r}, end='')", sink=sunk.append) == text
    assert b"".join(sunk) == text.replace("\n", "\r\n").encode()


def test_a_crash_that_arrives_at_once_with_what_precedes_it_can_be_output() -> None:
    with FakeBoard() as board, Link(board.url) as link:
        board.send(b"\x04before" + CRASH)
        assert link.read_exactly(1) == b"\x04"
        with link.crashes_are_output():
            assert link.receive() == b"before" + CRASH


def test_a_crash_line_cut_short_is_still_a_crash(link: Link, fake: FakeBoard) -> None:
    fake.send(b'\r\nCRASH {"far": "0x')
    with pytest.raises(BoardCrash) as caught:
        link.read_until(b"never")
    assert caught.value.report == {}
    assert 'CRASH {"far": "0x' in caught.value.text


def test_silence_is_no_answer_and_names_what_came_last(link: Link) -> None:
    with pytest.raises(NoAnswer, match=r"silent for 1 s .* it sent last '.*so far\\n'"):
        link.run("print('so far')\nhang()", silence=1)


def test_a_port_that_hangs_up_is_told_so() -> None:
    master, slave = os.openpty()
    with Link(os.ttyname(slave), silence=5) as link:
        os.close(slave)
        os.close(master)
        with pytest.raises(NoAnswer, match=f"lost {link.url}: it is disconnected"):
            link.read_until(b"never")


def chatter(fake: FakeBoard, enough: threading.Event) -> None:
    while not enough.wait(0.01):
        fake.send(b"1\r\n")


@pytest.mark.timeout(30)
def test_endless_output_is_bounded_where_a_total_is_given(link: Link, fake: FakeBoard) -> None:
    link.leave_raw_repl()
    enough = threading.Event()
    talker = threading.Thread(target=chatter, args=(fake, enough))
    talker.start()
    try:
        with pytest.raises(NoAnswer):
            link.read_until(b"never", total=0.5)
    finally:
        enough.set()
        talker.join()


def test_something_else_that_talks_without_end_is_no_board() -> None:
    enough = threading.Event()
    with FakeBoard() as off, Link(off.url, silence=1) as link:
        talker = threading.Thread(target=chatter, args=(off, enough))
        talker.start()
        try:
            with pytest.raises(NoAnswer, match=r"talks, but does not say .*; it sent last '.*1"):
                link.enter_raw_repl()
        finally:
            enough.set()
            talker.join()


def test_a_machine_that_has_ended_is_a_crash_with_what_it_printed_last() -> None:
    ended: list[str] = []
    with FakeBoard() as fake, Link(fake.url, ended=lambda: "".join(ended) or None) as link:
        fake.boot()
        link.read_until(b">>> ")
        fake.send(b"last words\r\n")
        link.read_until(b"last")
        ended.append("someone pulled the plug")
        with pytest.raises(BoardCrash, match="the machine stopped: someone") as caught:
            link.read_until(b"never")
    assert caught.value.text.endswith("last words\n")


def test_what_a_machine_printed_last_is_without_flow_control() -> None:
    ended: list[str] = []
    with FakeBoard() as fake, Link(fake.url, ended=lambda: "".join(ended) or None) as link:
        fake.boot()
        link.read_until(b">>> ")
        link.enter_raw_repl()
        with pytest.raises(BoardCrash) as caught:
            link.run("print('last words')\nhang()", sink=lambda data: ended.append("it ended"))
    assert caught.value.text == "last words\n"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/dev/no-such-port", "there is no such device; `pimem ports` lists what there is"),
        ("/dev", "Is a directory"),
        (
            "hwgrep://no such adapter",
            "no ports found matching regexp 'no such adapter'; `pimem ports` lists what there is",
        ),
        ("socket://127.0.0.1:1", "[Errno 111] Connection refused"),
        ("rfc2217://127.0.0.1:1", "[Errno 111] Connection refused"),
    ],
)
def test_a_port_that_cannot_be_opened_is_named_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        Link(url)
    assert str(caught.value) == f"cannot open {url}: {reason}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("no-such-scheme://x", "protocol 'no-such-scheme' not known"),
        ("socket://bench", "it must be socket://HOST:PORT"),
        ("RFC2217://bench:70000", "it must be rfc2217://HOST:PORT"),
        ("rfc2217://:4000", "it must be rfc2217://HOST:PORT"),
        ("hwgrep://(", "missing ), unterminated subpattern"),
        ("hwgrep://x&n=y", "invalid literal for int()"),
        ("loop://?logging=x", "'x'"),
    ],
)
def test_a_url_that_can_be_no_port_is_refused(url: str, reason: str) -> None:
    with pytest.raises(Refusal) as caught:
        Link(url)
    assert str(caught.value).startswith(f"{url} is no port: ") and reason in str(caught.value)


@pytest.mark.parametrize("command", ["run", "frames", "monitor"])
def test_an_empty_port_is_wrong_usage_in_one_line(pimem: Pimem, command: str) -> None:
    done = pimem(command, "--port", "")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pimem: --port '' names no port; `pimem ports` lists what there is\n"


def test_a_port_is_opened_by_one_program_at_a_time(fake: FakeBoard) -> None:
    with Link(fake.url):
        with pytest.raises(NoAnswer) as caught:
            Link(fake.url)
        assert str(caught.value) == f"cannot open {fake.url}: another program has it open"
    Link(fake.url).close()


@pytest.mark.parametrize("end", [None, ScriptError("", ""), KeyboardInterrupt()])
def test_the_next_user_after_the_raw_repl_finds_a_prompt(
    fake: FakeBoard, end: BaseException | None
) -> None:
    with Link(fake.url, silence=5) as link:
        with contextlib.suppress(ScriptError, KeyboardInterrupt), link.in_raw_repl():
            assert link.run("print(1)") == "1\n"
            if end:
                raise end
        link.forget()
        link.write(b"\r")
        assert link.read_until(b">>> ", silence=2) == b"\r\n>>> "


@pytest.mark.parametrize(
    ("data", "pattern", "count"),
    [(b"", b">>> ", 0), (b"abc>", b">>> ", 1), (b"abc>>>", b">>> ", 3), (b">>> ", b">>> ", 0)],
)
def test_a_pattern_that_may_have_begun_is_held_back(
    data: bytes, pattern: bytes, count: int
) -> None:
    assert begun(data, pattern) == count

"""A portfolio behind one command: `solve_smt2.py QUERY.smt2`. Prints what the first of its solvers answers.

Halmos asks about words of 256 bits. Products and quotients of those drown a solver that works on bits (yices); z3 answers
most of the same questions at once when they are read as questions about integers. Both come with Halmos.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

BITS = [str(Path(sys.executable).parent / "yices-smt2"), "--smt2-model-format", "--bvconst-in-decimal"]
INTEGERS = [sys.executable, __file__, "--integers"]


def integers(path: str) -> None:
    from integers import answer

    print(answer(path), end="")


def portfolio(path: str) -> None:
    running = {}
    for command in (BITS, INTEGERS):
        child = subprocess.Popen([*command, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        running[child.pid] = child

    def end(*_):
        for child in running.values():
            child.kill()
        sys.exit(1)

    signal.signal(signal.SIGTERM, end)
    answer = b"unknown\n"
    while running:
        pid, _ = os.wait()
        output = running.pop(pid).stdout.read()
        if output.startswith((b"sat", b"unsat")):
            answer = output
            break
    for child in running.values():
        child.kill()
        child.wait()
    sys.stdout.buffer.write(answer)


if sys.argv[1] == "--integers":
    integers(sys.argv[2])
else:
    portfolio(sys.argv[1])

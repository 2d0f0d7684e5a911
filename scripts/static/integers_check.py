"""Looks for a question that has a solution in words and none in integers: there must be none, or a proof proves nothing.

`integers_check.py SEED QUESTIONS` makes random questions around an assignment that satisfies them, and asks each in
integers. Prints the first that is denied, and exits 1.
"""

import random
import sys
import tempfile

import z3
from integers import in_integers

WIDTH = 16
TIMEOUT_MS = 2000


def constant(dice):
    top = (1 << WIDTH) - 1
    return z3.BitVecVal(dice.choice([0, 1, 3, dice.randrange(top), top - 4, top]), WIDTH)


def term(dice, variables, depth):
    if depth == 0:
        return dice.choice([*variables, constant(dice)])
    a, b = term(dice, variables, depth - 1), term(dice, variables, depth - 1)
    half = WIDTH // 2
    return dice.choice(
        [
            lambda: a + b,
            lambda: a - b,
            lambda: -a,
            lambda: a * b,
            lambda: z3.UDiv(a, b),
            lambda: z3.UDiv(a * b, a),
            lambda: z3.Concat(z3.Extract(half - 1, 0, a), z3.Extract(WIDTH - 1, half, b)),
            lambda: z3.ZeroExt(WIDTH - 5, z3.Extract(8, 4, a)),
            lambda: z3.If(z3.ULE(a, b), a, b),
            lambda: ~a,
            lambda: a & b,
            lambda: z3.LShR(a, b),
        ]
    )()


def question(dice):
    """A solver with conditions that the assignment in it satisfies."""
    variables = [z3.BitVec(f"x{i}", WIDTH) for i in range(3)]
    values = [constant(dice) for _ in variables]
    solver = z3.Solver()
    for _ in range(3):
        a, b = term(dice, variables, dice.randrange(1, 4)), term(dice, variables, dice.randrange(1, 3))
        condition = dice.choice([a == b, z3.ULE(a, b), z3.UGT(a, b), z3.ULT(a, b)])
        here = z3.simplify(z3.substitute(condition, *zip(variables, values)))
        solver.add(condition if z3.is_true(here) else z3.Not(condition))
    solver.add(*[variable == value for variable, value in zip(variables, values)])
    return solver


def main(seed, questions):
    dice = random.Random(seed)
    for _ in range(questions):
        asked = question(dice).to_smt2()
        with tempfile.NamedTemporaryFile("w", suffix=".smt2") as file:
            file.write(asked)
            file.flush()
            answer = in_integers(file.name)
        answer.set("timeout", TIMEOUT_MS)
        if answer.check() == z3.unsat:
            print(f"has a solution, and is denied in integers:\n{asked}")
            sys.exit(1)


main(int(sys.argv[1]), int(sys.argv[2]))

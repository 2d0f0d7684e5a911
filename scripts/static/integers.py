"""Reads a question about bit-vectors as one about integers, so that a solver can reason about products and quotients.

Every term is given the interval it can lie in. Where that shows that nothing wraps, the word is the integer; where it may
wrap, the number of wraps is a variable of its own. What is not arithmetic (arrays, hashes, bitwise mixing) becomes an
unknown of its width. So the question in integers has every solution that the one in words has, and perhaps more:
`unsat` carries over, `sat` does not.
"""

import z3

UNSIGNED = {z3.Z3_OP_ULEQ: "<=", z3.Z3_OP_ULT: "<", z3.Z3_OP_UGEQ: ">=", z3.Z3_OP_UGT: ">"}


class Integers:
    """A term is `(expression, least, greatest)`."""

    def __init__(self):
        self.facts = []
        self.terms = {}
        self.narrow = {}
        self.variables = []
        self.count = 0

    def fresh(self, least, greatest, name="k"):
        if least == greatest:
            return z3.IntVal(least), least, greatest
        self.count += 1
        variable = z3.Int(f"{name}!{self.count}")
        self.facts += [variable >= least, variable <= greatest]
        return variable, least, greatest

    def split(self, term, divisor):
        """Quotient and remainder by a positive constant."""
        expression, least, greatest = term
        if least >= 0 and greatest < divisor:
            return (z3.IntVal(0), 0, 0), term
        key = ("split", expression.get_id(), divisor)
        if key not in self.terms:
            quotient = self.fresh(least // divisor, greatest // divisor, "q")
            remainder = self.fresh(0, divisor - 1, "r")
            self.facts.append(expression == divisor * quotient[0] + remainder[0])
            self.terms[key] = (quotient, remainder, expression)
        return self.terms[key][:2]

    def word(self, term, width):
        return self.split(term, 1 << width)[1]

    def of(self, node):
        """The word `node` as an integer. The node is kept, so that its id stays its own."""
        key = node.get_id()
        if key not in self.terms:
            self.terms[key] = (self.word(self.raw(node), node.size()), node)
        return self.terms[key][0]

    def unknown(self, node):
        width = self.narrow.get(node.get_id(), node.size())
        unknown = self.fresh(0, (1 << width) - 1, "v")
        if z3.is_const(node):
            self.variables.append((node, unknown[0]))
        return unknown

    def raw(self, node):
        """Like `of`, before wrapping."""
        if z3.is_bv_value(node):
            return z3.IntVal(node.as_long()), node.as_long(), node.as_long()
        kind, args, width = node.decl().kind(), node.children(), node.size()
        if kind == z3.Z3_OP_BADD:
            return self.sum([self.signed(arg) for arg in args])
        if kind == z3.Z3_OP_BSUB:
            return self.sum([self.of(args[0])] + [self.times(self.of(arg), -1) for arg in args[1:]])
        if kind == z3.Z3_OP_BMUL and len(args) == 2:
            return self.product(args, width)
        if kind == z3.Z3_OP_CONCAT:
            return self.concat(args)
        if kind == z3.Z3_OP_EXTRACT:
            high, low = node.params()
            return self.word(self.split(self.of(args[0]), 1 << low)[0], high - low + 1)
        if kind == z3.Z3_OP_ZERO_EXT:
            return self.of(args[0])
        if kind in (z3.Z3_OP_BUDIV, z3.Z3_OP_BUDIV_I):
            return self.quotient(*args)
        if kind == z3.Z3_OP_ITE:
            (a, a0, a1), (b, b0, b1) = self.of(args[1]), self.of(args[2])
            return z3.If(self.holds(args[0]), a, b), min(a0, b0), max(a1, b1)
        if kind == z3.Z3_OP_BNOT:
            return self.sum([self.number((1 << width) - 1), self.times(self.of(args[0]), -1)])
        return self.unknown(node)

    def number(self, value):
        return z3.IntVal(value), value, value

    def sum(self, terms):
        return z3.Sum([t[0] for t in terms]), sum(t[1] for t in terms), sum(t[2] for t in terms)

    def times(self, term, factor):
        bounds = (term[1] * factor, term[2] * factor)
        return term[0] * factor, min(bounds), max(bounds)

    def signed(self, node):
        """A summand: constants and factors near the top of the range are negative ones."""
        half, whole = 1 << (node.size() - 1), 1 << node.size()
        if z3.is_bv_value(node) and node.as_long() >= half:
            return self.number(node.as_long() - whole)
        if node.decl().kind() == z3.Z3_OP_BMUL and node.num_args() == 2 and z3.is_bv_value(node.arg(0)):
            factor = node.arg(0).as_long()
            if factor >= half:
                return self.times(self.of(node.arg(1)), factor - whole)
        return self.of(node)

    def product(self, args, width):
        (a, a0, a1), (b, b0, b1) = self.of(args[0]), self.of(args[1])
        if z3.is_bv_value(args[0]) and args[0].as_long() >= 1 << (width - 1):
            return self.times((b, b0, b1), args[0].as_long() - (1 << width))
        return a * b, a0 * b0, a1 * b1

    def concat(self, args):
        terms, shift = [], 0
        for arg in reversed(args):
            terms.append(self.times(self.of(arg), 1 << shift))
            shift += arg.size()
        return self.sum(terms)

    def quotient(self, dividend, divisor):
        x, y = self.of(dividend), self.of(divisor)
        zero = z3.IntVal((1 << dividend.size()) - 1)
        if z3.is_bv_value(divisor) and divisor.as_long() > 0:
            return self.split(x, divisor.as_long())[0]
        if dividend.decl().kind() == z3.Z3_OP_BMUL and dividend.num_args() == 2:
            factors = [self.of(arg) for arg in dividend.children()]
            for i in (0, 1):
                # A product that cannot wrap, over one of its factors.
                if dividend.arg(i).eq(divisor) and factors[0][2] * factors[1][2] < 1 << dividend.size():
                    other = factors[1 - i]
                    return z3.If(y[0] == 0, zero, other[0]), other[1], (1 << dividend.size()) - 1
        q = self.fresh(0, (1 << dividend.size()) - 1, "q")
        self.facts.append(
            z3.If(y[0] == 0, q[0] == zero, z3.And(y[0] * q[0] <= x[0], x[0] < y[0] * q[0] + y[0], q[0] <= x[0]))
        )
        return q

    def holds(self, node):
        kind, args = node.decl().kind(), node.children()
        if z3.is_true(node) or z3.is_false(node):
            return node
        if kind == z3.Z3_OP_AND:
            return z3.And([self.holds(arg) for arg in args])
        if kind == z3.Z3_OP_OR:
            return z3.Or([self.holds(arg) for arg in args])
        if kind == z3.Z3_OP_NOT:
            return z3.Not(self.holds(args[0]))
        if kind == z3.Z3_OP_IMPLIES:
            return z3.Implies(self.holds(args[0]), self.holds(args[1]))
        if kind == z3.Z3_OP_ITE:
            return z3.If(*[self.holds(arg) for arg in args])
        if kind in UNSIGNED:
            a, b = self.of(args[0])[0], self.of(args[1])[0]
            return {"<=": a <= b, "<": a < b, ">=": a >= b, ">": a > b}[UNSIGNED[kind]]
        if kind in (z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT) and len(args) == 2 and z3.is_bv(args[0]):
            equal = self.of(args[0])[0] == self.of(args[1])[0]
            return equal if kind == z3.Z3_OP_EQ else z3.Not(equal)
        if kind == z3.Z3_OP_EQ and z3.is_bool(args[0]):
            return self.holds(args[0]) == self.holds(args[1])
        key = ("bool", node.get_id())
        if key not in self.terms:
            self.terms[key] = (z3.Bool(f"b!{len(self.terms)}"), node)
        return self.terms[key][0]

    def note_width(self, assertion):
        """`v = 0…0 ‖ v[n−1:0]` says that `v` has n bits."""
        if not z3.is_eq(assertion) or not z3.is_bv(assertion.arg(0)):
            return
        variable, padded = assertion.arg(0), assertion.arg(1)
        if variable.num_args() != 0 or not z3.is_app_of(padded, z3.Z3_OP_CONCAT) or padded.num_args() != 2:
            return
        zeros, low = padded.children()
        if z3.is_bv_value(zeros) and zeros.as_long() == 0 and z3.is_app_of(low, z3.Z3_OP_EXTRACT):
            if low.arg(0).eq(variable) and low.params()[1] == 0:
                self.narrow[variable.get_id()] = low.size()


def read(path):
    """The assertions of an SMT-LIB file of bit-vectors, its reading, and a solver that holds them in integers."""
    assertions = [conjunct for a in z3.parse_smt2_file(path) for conjunct in (a.children() if z3.is_and(a) else [a])]
    integers = Integers()
    for assertion in assertions:
        integers.note_width(assertion)
    stated = [integers.holds(assertion) for assertion in assertions]
    solver = z3.SolverFor("QF_NIA")
    solver.add(*integers.facts, *stated)
    return assertions, integers, solver


def in_integers(path):
    return read(path)[2]


def answer(path):
    """`unsat`, or `sat` with a solution that has been tried in words, or nothing."""
    assertions, integers, solver = read(path)
    result = solver.check()
    if result == z3.unsat:
        return "unsat\n"
    if result != z3.sat:
        return ""
    model = solver.model()
    words = z3.Solver()
    words.add(*assertions)
    for variable, integer in integers.variables:
        words.add(variable == model.eval(integer, model_completion=True).as_long())
    return f"sat\n(\n{words.model().sexpr()}\n)\n" if words.check() == z3.sat else ""

"""Verification: which expectation claims which call, and the verdict that follows.

Rules
-----
A call counts for at most one expectation of all scenarios: that expectation *claims* it. Two
expectations that match the same call are two statements about the number of calls. If one call
could count for both, a client that sends one call instead of two would pass.

An expectation with `times: 0` claims nothing. Every call that it matches is wrong, and no other
expectation can claim that call.

A variable has one value per scenario, and a call matches under that value or not at all. Each
scenario has variables of its own; two scenarios share only the calls.

Cost
----
The verdict is that of an assignment of least cost: values for the variables, and for each call the
expectation that claims it, if any. Each of these costs 1:

- a claim that an expectation is missing to its lower bound;
- a call that expectations match and none claims (an extra call);
- an expectation with `times: 0` that matches a call, for each such call;
- a policy with level `fail` that applies to a call because no expectation matches it, or a damaged
  call that fails a scenario with an expectation that matches it. This is part of the cost only if
  the values of variables decide it; otherwise it is the same for all assignments.

The expectations are met exactly if an assignment without cost exists. If there is none, a report
shows the claims of an assignment with as few faults as possible; therefore costs are summed and
not only compared with 0. Of equally cheap assignments, the one is taken in which earlier calls are
claimed first; the result is deterministic.

Stages
------
1. `demands`: each expectation becomes a demand with its bounds, the step marks of the calls that
   it can see, its latest times, and its place in an ordered list or after another demand. In a
   scenario of several steps whose calls have no marks, each step is a stage: its claims come
   before all claims of later stages.
2. `candidates`: each call is matched against the demands that an index leaves. The result is a
   list of solutions: nothing is required, or variables must have certain values.
3. `components`: demands that may match the same call, share a variable or depend on each other's
   order are one connected component. Components are independent, so their costs add up and each
   is solved alone.
4. `branch_and_bound`: in each component variables are bound one after the other. Each value has a
   lower bound of the cost, computed from the calls that still match under it; values whose bound
   exceeds the limit are not tried. The calls and demands that remain are split into components
   again.
5. With all variables bound, `core.matching.bipartite` finds the claims: a b-matching, in which
   calls that match the same demands are one group. This ignores order and the times between
   claims. If they matter and the result violates them, `ordering` reads the calls one by one with
   an automaton, and a beam search over its states finds the claims.
6. `solve` puts the components together. `explain` and `closest_call` explain each unmet
   expectation; `policies` checks the calls against the policies and forbidden values, and
   `verify` adds tracking plans and profiles and makes the `verdict`.

`live` answers while calls still arrive: met, open, impossible or undecided. It only matches the
calls that are new. Without variables and order, a flow over groups of calls is enough; otherwise
it solves the run as if it were over and, if that is not met, as if missing calls could still come.

What is exact
-------------
- The b-matching: it fills as many lower bounds as possible and claims as many calls as possible,
  and both can be reached together (Mendelsohn and Dulmage 1958).
- A b-matching that happens to respect order and times, because these only take claims away.
- The search over values, because a value is only skipped if its lower bound exceeds the limit.
- The beam search, as long as no state was left out after any call.
- That a component has an assignment without cost: the assignment is the proof. And that it has
  none: a first search, with limit 0, has tried or excluded everything. Only then a second search,
  with part of the budget, finds the claims that a report shows; if it ends early these may not be
  the best ones, but the component is unmet all the same.

What a budget does
------------------
Binding variables is NP-hard, so the work is limited, not the input. `MATCH_BUDGET` limits the
matches of patterns with variables (stage 2). When it is spent, further matches count as possible;
their components are undecided. A demand with more solutions for one call than are used
(`$any-order` has factorially many) makes its component undecided, too.

`BUDGET`, and some tries for each candidate, are shared equally by the components that need a
search. When a share is spent, the search follows only the most promising branch to its end, then
leaves variables without values; the beam search keeps fewer states. An assignment without cost
that is found in this way still counts. If none is found, the component is `undecided`: nothing
passes or fails because a search was given up. Budgets count tries, not seconds, so a verdict does
not depend on the speed of the machine.

The package is tested against `tests/oracle.py`, which tries all assignments of small cases.
"""

"""All looks, in order: each needs only what those before it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from auheat.doctor import machine, self_test
from auheat.doctor.machine import Finding, guarded

_AGAIN, _ABOVE_FIRST = "install auheat again", "fix what FAILED above first"
LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    machine.python,
    machine.needed,
    machine.optional,
    machine.devices,
    machine.runtimes,
    machine.video,
    self_test.weights,
    self_test.face_models,
    self_test.self_test,
)


def examine() -> Iterator[Finding]:
    """Looks at everything, one finding at a time; an error in one look does not stop the next."""
    failed = False
    for look in LOOKS:
        for finding in guarded(look, _ABOVE_FIRST if failed else _AGAIN):
            failed |= finding.state == "FAILED"
            yield finding


def verdict(findings: list[Finding]) -> str:
    """The last line, for all findings."""
    named = {
        state: ", ".join(finding.subject for finding in findings if finding.state == state)
        for state in ("FAILED", "missing")
    }
    if named["FAILED"]:
        return f"auheat does not work here: {named['FAILED']}"
    extras = f"; optional and missing: {named['missing']}" if named["missing"] else ""
    return f"auheat works here{extras}"

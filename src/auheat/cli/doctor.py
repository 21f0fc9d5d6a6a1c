"""`auheat doctor`: says whether this installation works."""

from __future__ import annotations

import click

from auheat.cli import FAILED, console


@click.command()
def command() -> None:
    """Look at this installation: packages, devices, video, weights, and a face read to the end.

    Every line begins with ok, missing (optional, and what brings it) or FAILED (and what to do).
    Exits with 2 if something FAILED, else with 0.
    """
    from auheat.doctor.examination import examine, verdict

    findings = []
    for finding in examine():
        findings.append(finding)
        console.echo(finding.line())
    console.echo(verdict(findings))
    failed = any(finding.state == "FAILED" for finding in findings)
    click.get_current_context().exit(FAILED if failed else 0)

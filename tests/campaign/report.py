"""The figures as a table, and the page that holds them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from campaign.controller import Outcome

BEGIN, END = "<!-- figures: begin (scripts/campaign writes what follows) -->", "<!-- figures: end -->"
_MUST_BE_NONE = (
    "double charges", "lost", "without an end", "corrupt files", "parts of delivered jobs", "files of no job",
    "rows with an owner left", "clients that crashed", "keys sent to the link host",
)  # fmt: skip
_ENDS = ("delivered", "failed by the server's word", "stuck, canceled at the end", "stuck, named by its id", "unknown")


def table(outcome: Outcome) -> str:
    """GitHub-flavoured markdown."""
    counts = outcome.verdict.counts
    errors = Counter({kind: n for kind, n in outcome.answers.items() if kind not in ("delivered", "reused")})
    rows: list[tuple[str, object]] = [
        ("jobs asked for", f"{outcome.jobs.total()} ({_listing(outcome.jobs)})"),
        (
            "minutes, seed, client processes",
            f"{outcome.seconds / 60:.1f}, {outcome.settings.seed}, {outcome.settings.workers}",
        ),
        ("requests at the gateway", outcome.requests.total()),
        *((name, number) for name, number in sorted(outcome.accidents.items())),
        ("faults that struck a request", outcome.faults.total()),
        *((f"&nbsp; {name}", number) for name, number in sorted(outcome.faults.items())),
        ("runs that ended with an error, and were run again", f"{errors.total()} ({_listing(errors)})"),
        ("**charged by the gateway's books**", counts["charged"]),
        *((f"ended {end}", counts[f"ended {end}"]) for end in _ENDS),
        ("of the unknown: charged, named with the moment it was sent", counts["unknown and charged"]),
        ("of the unknown: never accepted, never sent again", counts["unknown and never accepted"]),
        ("videos without a sidecar (killed in the last moment)", counts["videos without a sidecar"]),
        *((f"**{name}**", f"**{counts[name]}**") for name in _MUST_BE_NONE),
    ]
    return "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)])


def write_into(page: Path, heading: str, text: str) -> None:
    """Between the markers."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{heading}\n\n{text}\n{END}{after}", encoding="utf-8")


def _listing(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "none"

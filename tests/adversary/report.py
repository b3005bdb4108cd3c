"""The figures as a table, and the page that holds them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from adversary.stage import Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "durability.md"
BEGIN = "<!-- adversary: begin (scripts/campaign --adversary writes what follows) -->"
END = "<!-- adversary: end -->"
_SPOKEN = 12  # forms of words that are told
_MUST_BE_NONE = {
    "double": "double charges",
    "lost": "lost",
    "stranger": "strangers' videos delivered",
    "false words": "false words about money",
    "not delivered": "not delivered although the server gave every chance",
    "broken promise": "other promises broken",
    "crash": "clients that crashed",
}


def table(verdicts: list[Verdict], seconds: float) -> str:
    """GitHub-flavoured markdown: the figures, then the words that users read of states that need their own word."""
    sorts = Counter(finding.sort for verdict in verdicts for finding in verdict.findings)
    kinds = Counter(verdict.case.kind for verdict in verdicts)
    waits = [wait for verdict in verdicts for wait in verdict.waits]
    rows: list[tuple[str, object]] = [
        ("cases", f"{len(verdicts)} ({_listing(kinds)})"),
        ("minutes", f"{seconds / 60:.1f}"),
        ("cases with anything wrong", sum(bool(verdict.findings) for verdict in verdicts)),
        ("**charged by the servers' books**", sum(verdict.charges for verdict in verdicts)),
        ("states that need the user's word", f"{len(waits)} ({_listing(Counter(state for state, _ in waits))})"),
        *((f"**{name}**", f"**{sorts[sort]}**") for sort, name in _MUST_BE_NONE.items()),
    ]
    figures = "\n".join(["| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)])
    words = Counter((state, plain(said)) for state, said in waits)
    spoken = [f"- {number} × *{state}*: {said}" for (state, said), number in words.most_common(_SPOKEN)]
    if len(words) > _SPOKEN:
        spoken.append(f"- and {len(words) - _SPOKEN} more, which differ in what the server answered")
    return "\n".join([figures, "", "What the users read there:", "", *spoken]) if spoken else figures


def plain(words: str) -> str:
    """English only, without what differs from run to run."""
    for pattern, name in (
        (r"job_[0-9a-f]+", "JOB"),
        (r"video_[0-9a-f]+", "ID"),
        (r"http://127\.0\.0\.1:\d+", "http://SERVER"),
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?( UTC)?", "TIME"),
        (r"\bID(, ID| and ID)+", "IDs"),
        (r"(: )?\bPOST http://SERVER\S*", ""),
        (r" ?\([^()]*(\([^()]*\)[^()]*)*\)", ""),
        (r"HTTP \d{3}", "HTTP status"),
        (r"\|", "/"),
    ):
        words = re.sub(pattern, name, words)
    return re.split(r"\s*[\u4e00-\u9fff]", words)[0].strip()


def write_into(page: Path, heading: str, text: str) -> None:
    """Between the markers."""
    before, found, rest = page.read_text("utf-8").partition(BEGIN)
    assert found, f"{page} has no place for the figures"
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{heading}\n\n{text}\n{END}{after}", encoding="utf-8")


def _listing(counts: Counter[str] | Iterable[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in Counter(counts).most_common()) or "none"

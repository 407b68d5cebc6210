"""Tables of the Child Behavior Checklist as the studies give them: which columns are t-scores of which scales, which
rows are of the visit that counts, and how many children each rule leaves.

| study, table | t-scores of syndrome and summary scales | visit |
|---|---|---|
| ABCD to release 5, `abcd_cbcls01` and `mh_p_cbcl` | `cbcl_scr_syn_anxdep_t` and ten more | `eventname` |
| ABCD from release 6, `mh_p_cbcl` | `mh_p_cbcl__synd__anxdep_tscore` and others | `session_id` |
| HCP-D, `cbcl01` | `cbcl_anxious`, `cbcl_internal` and others; raw scores end in `_raw` | `visit` |

Not counted are the scales that were added in 2007 (`cbcl_scr_07_sct_t`: sluggish cognitive tempo, compulsions, stress)
and the DSM-oriented ones (`cbcl_scr_dsm5_adhd_t`). Other tables may bring any columns that end in `_t` or `tscore`.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import BenchError
from datasets.tables import Row, Table, read_table

HIGHEST_T_SCORE = 66
Rule = Literal["above-66", "from-66"]
Missing = Literal["keep", "exclude"]
ANY_VISIT = "all"

ID_COLUMNS = ("participant_id", "src_subject_id", "subjectkey")
VISIT_COLUMNS = ("eventname", "session_id", "visit", "timepoint", "event_name")
BASELINE = re.compile(r"(ses-)?(baseline.*|bl|v0?1|visit ?0?1|00a)", re.IGNORECASE)
MISSING = ("", "n/a", "na", "nan", "none", "null", ".", "999", "-999", "777", "888", "-9")  # the numbers: NDA's codes
T_SCORES = (20, 100)  # what a t-score may be

# The first pattern that fits any column says which format a table has; its columns are the t-scores.
FORMATS = (
    re.compile(r"cbcl_scr_syn_\w+_t"),
    re.compile(r"mh_p_cbcl(__synd__\w+)?_tscore"),
    re.compile(
        r"cbcl_(anxious|anxdep|withdrawn|withdep|somatic(?!pr)|social|thought|attention|rule|aggressive|emotional|sleep|"
        r"internal|external|total|totprob)(?!\w*_(raw|r|sum|per|percentile|nm|dsm\w*|t)$)\w*"
    ),
    re.compile(r"(?!.*(_dsm|_07_)).*(_t|tscore|t_score)"),
)
AGE_COLUMNS = ("age", "interview_age", "mh_p_cbcl_age", "age_years")
SEX_COLUMNS = ("sex", "gender", "demo_sex_v2", "ab_g_stc__cohort_sex")
SITE_COLUMNS = ("site", "site_id_l", "abcd_site", "ab_g_dyn__design_site", "site_id")
MONTHS = ("interview_age",)  # columns of ages in months, in all of NDA's tables


@dataclass(frozen=True)
class Scores:
    """The t-scores of one child: scale -> value, missing ones left out; and what else the table says of it."""

    values: dict[str, float]
    missing: int
    described: dict[str, str]

    @property
    def highest(self) -> float:
        """On any scale."""
        return max(self.values.values())


@dataclass(frozen=True)
class Selection:
    """Whom a table leaves, and how many each step took away.

    kept: subject -> what the table says of it (age in years, sex, site; what is not there is left out).
    left_out: subject -> why, in words that follow its name.
    flow: a line for each step, its count first.
    """

    kept: dict[str, dict[str, str]]
    left_out: dict[str, str]
    flow: tuple[str, ...]


def select_children(
    path: Path, visit: str = "baseline", rule: Rule = "above-66", missing: Missing = "keep"
) -> Selection:
    """The children of a table without a raised t-score.

    Args:
        path: A table of any of the formats above.
        visit: Whose rows count: "baseline", a value of the column of visits, or "all". A table without such a column
            has one visit.
        rule: above-66 leaves out who has a t-score above 66 (the paper), from-66 who has 66 as well (its code).
        missing: What happens to children who lack some of the scores: "keep" or "exclude". Who lacks all is left out.

    Raises:
        BenchError: When the table cannot be read, lacks ids, t-scores or the visit, or has a t-score that is none.
    """
    if not path.is_file():
        raise BenchError(f"The table {path} does not exist; check --table.")
    table = read_table(path)
    id_column = next((column for column in ID_COLUMNS if column in table.columns), None)
    scales = scales_of(table)
    if id_column is None or not scales:
        raise BenchError(
            f"{path} needs a column of ids ({', '.join(ID_COLUMNS)}) and t-scores, as cbcl_scr_syn_anxdep_t (ABCD) or "
            "cbcl_anxious (HCP-D); other columns of t-scores end in _t."
        )
    for column in (id_column, *scales):
        table.needs_one(column)
    rows = table.rows[describes_columns(table, scales) :]
    named = [row for row in rows if row.values[id_column]]
    everybody = dict.fromkeys(subject_named(row.values[id_column]) for row in named)
    of_visit, visit_words = at_visit(table, named, visit)
    children: dict[str, Scores] = {}
    for row in of_visit:
        subject = subject_named(row.values[id_column])
        children[subject] = joined(children.get(subject), scores_of(path, row, scales))
    return _selected(table, everybody, children, scales, (visit_words, rule, missing), len(rows) - len(named))


def _selected(
    table: Table,
    everybody: dict[str, None],
    children: dict[str, Scores],
    scales: Sequence[str],
    rules: tuple[str, Rule, Missing],
    unnamed: int,
) -> Selection:
    """Apply the rules, one after the other, and count."""
    visit_words, rule, missing = rules
    raised = f"a t-score {'above' if rule == 'above-66' else 'of at least'} {HIGHEST_T_SCORE}"
    left_out: dict[str, str] = {}
    kept: dict[str, dict[str, str]] = {}
    reasons: Counter[str] = Counter()
    on_scale: Counter[str] = Counter()
    some_missing = 0
    for subject in everybody:
        scores = children.get(subject)
        if scores is None:
            reason = f"no row {visit_words}"
        elif not scores.values:
            reason = "no t-score at all"
        elif scores.highest > HIGHEST_T_SCORE or (rule == "from-66" and scores.highest == HIGHEST_T_SCORE):
            reason = raised
            on_scale.update(scale for scale, value in scores.values.items() if value == scores.highest)
        elif scores.missing and missing == "exclude":
            reason = "not all t-scores"
        else:
            some_missing += bool(scores.missing)
            kept[subject] = scores.described
            continue
        reasons[reason] += 1
        left_out[subject] = reason
    flow = [f"{len(everybody)} children in {table.path.name}, {len(scales)} t-scores each ({', '.join(scales)})"]
    if unnamed:
        flow.append(f"- {unnamed} rows without an id")
    for reason, count in reasons.items():
        most = f", most often {on_scale.most_common(1)[0][0]}" if reason == raised else ""
        flow.append(f"- {count} with {reason}{most}")
    lacking = f" ({some_missing} of them lack some scores)" if some_missing else ""
    flow.append(f"= {len(kept)} children{lacking}")
    return Selection(kept, left_out, tuple(flow))


def scales_of(table: Table) -> list[str]:
    """The columns of a table that hold t-scores of syndrome and summary scales."""
    for columns in FORMATS:
        found = [column for column in table.columns if columns.fullmatch(column)]
        if found:
            described = table.rows[0].values if table.rows else {}
            return [
                column for column in found if not re.search(r"\braw\b|percentile", described[column], re.IGNORECASE)
            ]
    return []


def at_visit(table: Table, rows: Sequence[Row], visit: str) -> tuple[list[Row], str]:
    """The rows of a visit, and the visit in words. BenchError when the table has visits, but not this one."""
    column = next((column for column in VISIT_COLUMNS if column in table.columns), None)
    values = Counter(row.values[column] for row in rows) if column else Counter()
    if column is None or visit == ANY_VISIT or not any(values):
        return list(rows), "of any visit"
    fits = BASELINE if visit == "baseline" else re.compile(re.escape(visit), re.IGNORECASE)
    chosen = [row for row in rows if fits.fullmatch(row.values[column])]
    if not chosen:
        there = ", ".join(value or "(empty)" for value, _ in values.most_common(5))
        raise BenchError(
            f"{table.path} has no row of the visit {visit}: its column {column} has {there}; name one with "
            f"--data visit=..., or {ANY_VISIT}."
        )
    return chosen, f"of the visit {visit}"


def scores_of(path: Path, row: Row, scales: Sequence[str]) -> Scores:
    """The scores of a row. BenchError for one that is no t-score."""
    values: dict[str, float] = {}
    for scale in scales:
        score = number(row.values[scale])
        if score is None or not (math.isnan(score) or T_SCORES[0] <= score <= T_SCORES[1]):
            wrong = "" if score is None else f", and t-scores lie between {T_SCORES[0]} and {T_SCORES[1]}"
            raise BenchError(
                f"{path}, line {row.line}: {scale} is {row.values[scale]!r}{wrong}; mend it or leave it empty."
            )
        if not math.isnan(score):
            values[scale] = score
    return Scores(values, len(scales) - len(values), described_by(row))


def joined(one: Scores | None, other: Scores) -> Scores:
    """The scores of a child with two rows: the higher one on each scale."""
    if one is None:
        return other
    values = dict(one.values)
    for scale, value in other.values.items():
        values[scale] = max(value, values.get(scale, value))
    total = len(one.values) + one.missing
    return Scores(values, total - len(values), one.described | other.described)


def described_by(row: Row) -> dict[str, str]:
    """Age in years, sex and site, as far as a row says so."""
    described: dict[str, str] = {}
    for name, columns in (("age", AGE_COLUMNS), ("sex", SEX_COLUMNS), ("site", SITE_COLUMNS)):
        for column in columns:
            value = row.values.get(column, "")
            if value.lower() in MISSING:
                continue
            if column in MONTHS:
                months = number(value)
                value = value if months is None else f"{months / 12:.2f}"
            described[name] = value
            break
    return described


def describes_columns(table: Table, scales: Sequence[str]) -> bool:
    """Whether the first row is one of descriptions, as NDA's tables have: no t-score in it is a number."""
    return bool(table.rows) and all(number(table.rows[0].values[scale]) is None for scale in scales)


def subject_named(id: str) -> str:
    """The BIDS name of an id: NDAR_INV003RTV85 -> sub-NDARINV003RTV85."""
    return "sub-" + "".join(filter(str.isalnum, id.removeprefix("sub-")))


def number(text: str) -> float | None:
    """A number, also with a decimal comma; NaN for a missing one, None for another text."""
    if text.lower().removesuffix(".0") in MISSING:
        return math.nan
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None

"""Made tables of 2000 children in the formats of the studies: every rule, and that the counts add up."""

import pytest

from bench.errors import BenchError
from datasets.cbcl import select_children

CHILDREN = 2000
SCALES = {
    "abcd_cbcls01": [
        f"cbcl_scr_syn_{name}_t"
        for name in (
            *("anxdep", "withdep", "somatic", "social", "thought", "attention", "rulebreak", "aggressive"),
            *("internal", "external", "totprob"),
        )
    ],
    "mh_p_cbcl": [
        *(f"mh_p_cbcl__synd__{name}_tscore" for name in ("anxdep", "wthdep", "som", "soc", "tho", "attn", "rule")),
        *(f"mh_p_cbcl__synd__{name}_tscore" for name in ("aggr", "int", "ext")),
        "mh_p_cbcl_tscore",
    ],
    "cbcl01": [
        f"cbcl_{name}"
        for name in (
            *("anxious", "withdrawn", "somatic_c", "social_p", "thought", "attention", "rule_breaking", "aggressive"),
            *("internal", "external", "total"),
        )
    ],
}
NOT_COUNTED = {  # raised in every child
    "abcd_cbcls01": ["cbcl_scr_07_sct_t", "cbcl_scr_dsm5_adhd_t", "cbcl_scr_syn_anxdep_r", "cbcl_scr_syn_anxdep_nm"],
    "mh_p_cbcl": ["mh_p_cbcl__sct_tscore", "mh_p_cbcl__dsm__adhd_tscore", "mh_p_cbcl__synd__anxdep_sum"],
    "cbcl01": ["cbcl_anxious_raw", "cbcl_depresspr", "cbcl_adhd", "cbcl_affective", "cbcl_total_raw", "cbcl_somaticpr"],
}
VISITS = {
    "abcd_cbcls01": ("eventname", "baseline_year_1_arm_1", "2_year_follow_up_y_arm_1"),
    "mh_p_cbcl": ("session_id", "ses-00A", "ses-02A"),
    "cbcl01": ("visit", "V1", "V3"),
}
IDS = {"abcd_cbcls01": "src_subject_id", "mh_p_cbcl": "participant_id", "cbcl01": "src_subject_id"}
AGES = {"abcd_cbcls01": "interview_age", "mh_p_cbcl": "mh_p_cbcl_age", "cbcl01": "interview_age"}
# Of every 20 children by their number: without the visit, without scores, raised, exactly 66, lacking some, usual.
NO_VISIT, NO_SCORE, RAISED, AT_66, SOME_MISSING = {0}, {1}, {2, 3, 4}, {5}, {6, 7}


def scores(index: int, count: int) -> list[str]:
    """A child's t-scores at baseline."""
    kind, values = index % 20, ["50"] * count
    if kind in NO_SCORE:
        return ["", "n/a", "999"] * 4
    if kind in RAISED:
        values[index % count] = "67"
    if kind in AT_66:
        values[index % count] = "66"
    if kind in SOME_MISSING:
        values[index % count] = "999"
    return values


def table(study: str, delimiter: str = "\t") -> str:
    """A row a visit, the second one raised in everybody; with a line of descriptions where NDA has one."""
    column, baseline, later = VISITS[study]
    scales, others = SCALES[study], NOT_COUNTED[study]
    lines = [[IDS[study], column, AGES[study], "sex", "site_id_l", *others, *scales]]
    if study != "mh_p_cbcl":
        lines.append(["Subject ID", "The event", "Age in months", "Sex", "Site", *["Raw score"] * len(others)])
        lines[-1] += ["T-score"] * len(scales)
    for index in range(CHILDREN):
        who, said = f"NDAR_INV{index:04d}", [str(120 + index % 12), "FM"[index % 2], f"site{index % 21:02d}"]
        if index % 20 not in NO_VISIT:
            lines.append([who, baseline, *said, *["90"] * len(others), *scores(index, len(scales))[: len(scales)]])
        lines.append([who, later, *said, *["90"] * len(others), *["80"] * len(scales)])
    return "".join(delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in lines)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cbcl")
    for study in SCALES:
        (folder / f"{study}.txt").write_text(table(study))
    return folder


def number_of(*kinds: set[int]) -> int:
    return CHILDREN // 20 * sum(map(len, kinds))


@pytest.mark.parametrize("study", SCALES)
def test_each_rule_and_the_counts_of_each_step(tables, study):
    path = tables / f"{study}.txt"
    found = select_children(path)
    out = number_of(NO_VISIT, NO_SCORE, RAISED)
    assert len(found.kept) == CHILDREN - out and len(found.left_out) == out
    assert found.flow == (
        f"{CHILDREN} children in {path.name}, 11 t-scores each ({', '.join(SCALES[study])})",
        f"- {number_of(NO_VISIT)} with no row of the visit baseline",
        f"- {number_of(NO_SCORE)} with no t-score at all",
        f"- {number_of(RAISED)} with a t-score above 66, most often {most_raised(study)}",
        f"= {CHILDREN - out} children ({number_of(SOME_MISSING)} of them lack some scores)",
    )
    assert found.left_out["sub-NDARINV0002"] == "a t-score above 66"
    assert select_children(path, rule="from-66").left_out["sub-NDARINV0005"] == "a t-score of at least 66"
    both = select_children(path, rule="from-66", missing="exclude")
    assert len(both.kept) == CHILDREN - out - number_of(AT_66, SOME_MISSING)
    assert both.flow[-1] == f"= {len(both.kept)} children" and both.left_out["sub-NDARINV0006"] == "not all t-scores"
    for selection in (found, both):
        counts = [int(line.split()[0] if line[0].isdigit() else line.split()[1]) for line in selection.flow]
        assert counts[0] - sum(counts[1:-1]) == counts[-1]


def most_raised(study: str) -> str:
    raised = [SCALES[study][index % 11] for index in range(CHILDREN) if index % 20 in RAISED]
    return max(dict.fromkeys(raised), key=raised.count)


@pytest.mark.parametrize("study", SCALES)
def test_another_visit_all_visits_and_one_that_is_not_there(tables, study):
    path = tables / f"{study}.txt"
    for visit in (VISITS[study][2], "all"):
        assert not select_children(path, visit=visit).kept
    with pytest.raises(BenchError, match=rf"no row of the visit 4: its column {VISITS[study][0]} has .*, or all"):
        select_children(path, visit="4")


@pytest.mark.parametrize("study", SCALES)
def test_age_sex_and_site_are_kept(tables, study):
    said = select_children(tables / f"{study}.txt").kept["sub-NDARINV0031"]
    age = "10.58" if study != "mh_p_cbcl" else "127"
    assert said == {"age": age, "sex": "M", "site": "site10"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("delimiter", ["\t", ";", ","])
def test_encodings_and_separators_of_spreadsheets(tmp_path, encoding, delimiter):
    text = table("abcd_cbcls01", delimiter).replace("site01", "Zürich")
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    found = select_children(tmp_path / "a.csv")
    assert len(found.kept) == CHILDREN - number_of(NO_VISIT, NO_SCORE, RAISED)
    assert found.kept["sub-NDARINV1030"]["site"] == "Zürich"
    (tmp_path / "b.csv").write_bytes(f"sep={delimiter}\n{text}".encode(encoding))
    assert select_children(tmp_path / "b.csv").kept == found.kept


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04xlsx", r"is a workbook \(.xlsx or .ods\); save it as text"),
        (b"\xd0\xcf\x11\xe0xls", r"is a workbook \(.xls\); save it as text"),
        (b"\x1f\x8bgz", "is compressed; save it as text"),
        (b"subjectkey|cbcl_total\nA|50\n", r"is parted by \|; save it with tabs, commas or semicolons"),
        (b"subjectkey,cbcl_total\n\x81\x8d,50\n", "is not text in UTF-8, UTF-16 or Windows-1252; save it as UTF-8"),
        (
            b"subjectkey,cbcl_total\nA,50\nB,2\n",
            r"line 3: cbcl_total is '2', and t-scores lie between 20 and 100; mend",
        ),
        (b"subjectkey,cbcl_total\nA,50\nB,70+\n", r"line 3: cbcl_total is '70\+'; mend it or leave it empty"),
        (b"subjectkey,cbcl_total,cbcl_total\nA,50,60\n", "has two columns 'cbcl_total'; keep one"),
        (b"subjectkey,cbcl_total_raw\nA,5\n", "needs a column of ids .* and t-scores, as cbcl_scr_syn_anxdep_t"),
    ],
)
def test_what_is_refused(tmp_path, content, sentence):
    (tmp_path / "cbcl.csv").write_bytes(content)
    with pytest.raises(BenchError, match=sentence) as problem:
        select_children(tmp_path / "cbcl.csv")
    assert str(tmp_path / "cbcl.csv") in str(problem.value)


def test_two_rows_of_one_visit_count_with_the_higher_score_and_complete_each_other(tmp_path):
    (tmp_path / "cbcl.csv").write_text(
        "subjectkey,cbcl_total,cbcl_internal,sex\nA,50,,F\nA,60,67,\nB,50,,M\nB,,51,\n,50,50,F\n"
    )
    found = select_children(tmp_path / "cbcl.csv")
    assert found.left_out == {"sub-A": "a t-score above 66"} and found.kept == {"sub-B": {"sex": "M"}}
    assert found.flow[1:] == (
        "- 1 rows without an id",
        "- 1 with a t-score above 66, most often cbcl_internal",
        "= 1 children",
    )

import pytest

from bench.errors import BenchError
from datasets.cbcl import select_children

TABLE = """src_subject_id,eventname,cbcl_scr_syn_attention_t,cbcl_scr_syn_totprob_t,cbcl_scr_syn_attention_r,sex
NDAR_INV00,baseline,66,50,90,F
NDAR_INV01,baseline,50,67,1,M
NDAR_INV02,baseline,67,50,1,M
NDAR_INV03,baseline,,,1,M
NDAR_INV04,baseline,50,50,1,F
NDAR_INV04,year 2,50,70,1,F
NDAR_INV05,baseline,50,,1,M
NDAR_INV06,baseline,50,51,1,M
NDAR_INV09,baseline,50,51,1,M
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "cbcl.csv"
    path.write_text(TABLE)
    return path


def test_children_above_66_are_left_out(scans, load, table):
    for k in range(8):
        scans.add(f"sub-NDARINV{k:02d}_ses-1", k)
    scans.add("sub-NDARINV00_ses-2", 20)
    (scans.root / "participants.tsv").write_text("participant_id\tage\tsex\nsub-NDARINV00\t10.5\tn/a\n")
    dataset = load(scans.root, name="cohort", table=table)
    kept = [*(case.id for case in dataset.train), *(case.id for case in dataset.validation), *dataset.test_ids]
    assert sorted(kept) == [f"sub-NDARINV{k}_ses-1" for k in ("00", "04", "05", "06")]
    reasons = {one.id: one.reason for one in dataset.set_aside}
    assert reasons["sub-NDARINV02_ses-1"] == "sub-NDARINV02_ses-1 has a t-score above 66 in the CBCL table."
    assert reasons["sub-NDARINV03_ses-1"] == "sub-NDARINV03_ses-1 has no t-score at all in the CBCL table."
    assert reasons["sub-NDARINV07_ses-1"] == "sub-NDARINV07_ses-1 is not in the CBCL table."
    assert "later session" in reasons["sub-NDARINV00_ses-2"]
    assert dataset.participants["sub-NDARINV00"] == {"age": "10.5", "sex": "F"}
    assert dataset.notes[-1].splitlines()[1:] == [
        "- 2 with a t-score above 66, most often cbcl_scr_syn_totprob_t",
        "- 1 with no t-score at all",
        "= 5 children (1 of them lack some scores)",
        "- 1 without a usable scan in scans",
        "= 4 children with a scan",
        "(1 scans in scans are of nobody in the table)",
    ]


def test_the_rules_can_be_chosen(scans, load, table):
    for k in (*range(8), 9):
        scans.add(f"sub-NDARINV{k:02d}", k)
    strict = load(scans.root, name="cohort", table=table, exclude="from-66", missing="exclude")
    assert {one.id for one in (*strict.train, *strict.validation)} | set(strict.test_ids) == {
        "sub-NDARINV04",
        "sub-NDARINV06",
        "sub-NDARINV09",
    }
    with pytest.raises(BenchError, match="leaves no child of"):
        load(scans.root, name="cohort", table=table, visit="year 2")


def test_unusable_tables(scans, load, table, tmp_path):
    scans.add("sub-other", 0)
    with pytest.raises(BenchError, match=r"needs --root.*and --table"):
        load(scans.root, name="cohort")
    with pytest.raises(BenchError, match=r"no.csv does not exist; check --table"):
        load(scans.root, name="cohort", table=tmp_path / "no.csv")
    with pytest.raises(BenchError, match="leaves no child of"):
        load(scans.root, name="cohort", table=table)
    table.write_text("a,b\n1,2\n")
    with pytest.raises(BenchError, match="needs a column of ids"):
        load(scans.root, name="cohort", table=table)


def test_decimal_commas_semicolons_and_what_is_no_number(tmp_path):
    path = tmp_path / "cbcl.csv"
    path.write_text("SubjectKey;cbcl_total_t;Cbcl_syn_T\nHCD01;66,5;40\nHCD02;40;n/a\n")
    found = select_children(path)
    assert list(found.kept) == ["sub-HCD02"] and list(found.left_out) == ["sub-HCD01"]

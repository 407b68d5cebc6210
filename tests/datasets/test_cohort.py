import pytest

from bench.errors import BenchError
from datasets.cohort import highest_t_scores

TABLE = """src_subject_id,eventname,cbcl_scr_syn_attention_t,cbcl_scr_syn_totprob_t,cbcl_scr_syn_attention_r
NDAR_INV00,baseline,66,50,90
NDAR_INV01,baseline,50,67,1
NDAR_INV02,baseline,67,50,1
NDAR_INV03,baseline,,,1
NDAR_INV04,baseline,50,50,1
NDAR_INV04,year 2,50,70,1
NDAR_INV05,baseline,50,,1
NDAR_INV06,baseline,50,51,1
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "cbcl.csv"
    path.write_text(TABLE)
    return path


def test_highest_score_on_any_scale_at_any_visit(table):
    assert highest_t_scores(table) == {
        "sub-NDARINV00": 66,
        "sub-NDARINV01": 67,
        "sub-NDARINV02": 67,
        "sub-NDARINV04": 70,
        "sub-NDARINV05": 50,
        "sub-NDARINV06": 51,
    }


def test_tab_separated_with_a_row_of_descriptions(tmp_path):
    path = tmp_path / "cbcl01.txt"
    path.write_text("subjectkey\tcbcl_total_t\nThe NDAR id\tTotal t-score\nHCD01\t40\n")
    assert highest_t_scores(path) == {"sub-HCD01": 40}


def test_children_above_66_are_left_out(scans, load, table):
    for k in range(8):
        scans.add(f"sub-NDARINV{k:02d}_ses-1", k)
    scans.add("sub-NDARINV00_ses-2", 20)
    dataset = load(scans.root, name="cohort", table=table)
    kept = [*(case.id for case in dataset.train), *(case.id for case in dataset.validation), *dataset.test_ids]
    assert sorted(kept) == [f"sub-NDARINV{k}_ses-1" for k in ("00", "05", "06")]
    reasons = {one.id: one.reason for one in dataset.set_aside}
    assert reasons["sub-NDARINV02_ses-1"] == "sub-NDARINV02_ses-1 is above CBCL t-score 66."
    assert "no CBCL t-score" in reasons["sub-NDARINV03_ses-1"]
    assert "no CBCL t-score" in reasons["sub-NDARINV07_ses-1"]
    assert "later session" in reasons["sub-NDARINV00_ses-2"]


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
    assert highest_t_scores(path) == {"sub-HCD01": 66.5, "sub-HCD02": 40}
    path.write_text("subjectkey,cbcl_total_t\nHCD01,40\nHCD02,70+\n")
    with pytest.raises(BenchError, match=r"cbcl.csv, line 3: cbcl_total_t is '70\+'; mend it or leave it empty\."):
        highest_t_scores(path)

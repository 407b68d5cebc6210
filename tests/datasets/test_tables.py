"""Tables as users write them."""

import pytest

from bench.errors import BenchError
from datasets.scans.splits import named_splits
from datasets.tables import read_table

ROWS = "sub-1 test\nsub-2 train"


@pytest.mark.parametrize("delimiter", ["\t", ",", ";"])
@pytest.mark.parametrize("header", ["participant_id split", "Participant_ID Split", "SPLIT participant_id age"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_splits_in_any_dress(tmp_path, delimiter, header, start, end):
    rows = ROWS if header[0] != "S" else "test 1 30\nTrain sub-2"
    text = start + f"{header}\n{rows}\n\n".replace(" ", delimiter).replace("\n", end)
    (tmp_path / "participants.tsv").write_bytes(text.encode())
    splits, notes = named_splits(tmp_path)
    assert splits.by_subject == {"sub-1": "test", "sub-2": "train"} and notes == []


def test_a_comma_separated_table_is_found_and_gives_way_to_the_other(tmp_path):
    (tmp_path / "Participants.csv").write_text("participant_id,split\nsub-1,test\n")
    assert named_splits(tmp_path)[0].path.name == "Participants.csv"
    (tmp_path / "participants.tsv").write_text("participant_id\tsplit\nsub-1\ttrain\n")
    splits, notes = named_splits(tmp_path)
    assert splits.by_subject == {"sub-1": "train"}
    assert "Participants.csv: splits are named in participants.tsv alone." in notes[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "participant_id\tsplit\nsub-1\ttest\nsub-2\ttrain\n1\ttrain\n",
            "lines 2 and 4: sub-1 is in test and in train",
        ),
        ("participant_id split\nsub-1 test\n", "is one column, 'participant_id split'; part its values by tabs."),
        ("subject\tsplit\nsub-1\ttest\n", "has a column split, but no column participant_id; add it."),
        ("participant_id\tsplit\tSplit\nsub-1\ttest\ttest\n", "has two columns 'split'; keep one."),
        ("participant_id,age,split\nsub-1,30,5,test\n", "line 2 has 4 values, but there are 3 columns; mend it."),
        ("participant_id\tsplit\n\ttest\n", "line 2: the split test has no participant_id; name the subject."),
        ("participant_id\tsplit\nsub-1\theld-out\n", "line 2: the split 'held-out' must be train, validation or test."),
    ],
)
def test_tables_that_mislead(tmp_path, text, sentence):
    (tmp_path / "participants.tsv").write_text(text)
    with pytest.raises(BenchError) as problem:
        named_splits(tmp_path)
    assert sentence in str(problem.value) and str(tmp_path / "participants.tsv") in str(problem.value)


@pytest.mark.parametrize(
    "content", [b"\x81,\x8d", b"a,b\n\x00\n", b'a\n"' + b"x" * 200_000, "a,b".encode("utf-16") + b"\n"]
)
def test_what_is_no_text_is_one_sentence(tmp_path, content):
    (tmp_path / "participants.tsv").write_bytes(content)
    with pytest.raises(
        BenchError, match=r"participants.tsv is (not text in UTF-8, .*|no table \(.*\)); save it as UTF-8"
    ):
        read_table(tmp_path / "participants.tsv")


def test_a_table_that_cannot_be_opened(tmp_path):
    (tmp_path / "participants.tsv").mkdir()
    with pytest.raises(BenchError, match=r"cannot be opened \(Is a directory\)"):
        named_splits(tmp_path)


def test_short_rows_are_empty_at_the_end_and_other_tables_are_named(tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tsplit\nsub-1\nsub-2\ttest\n")
    assert named_splits(tmp_path)[0].by_subject == {"sub-2": "test"}
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-1\t30\n")
    splits, notes = named_splits(tmp_path)
    assert splits is None and notes[0].endswith("no column `split` (its columns: participant_id, age).")


def test_subjects_that_are_not_in_the_folder_are_named(cohort, load):
    rows = "\n".join(f"sub-{k:02d} {'test' if k == 0 else 'validation' if k == 1 else 'train'}" for k in range(12))
    cohort.table("participant_id split\n" + rows)
    notes = load(cohort.root).notes
    assert any(note.endswith("names 2 subjects that are not in the folder, such as sub-10.") for note in notes)

"""What stands in leaderboard/submissions is sound: the check of every pull request."""

from pathlib import Path

from bench.runs.shared_results import claims, verified

SUBMISSIONS = Path(__file__).parents[2] / "leaderboard" / "submissions"


def test_all_submissions_are_sound(tmp_path) -> None:
    files = sorted(SUBMISSIONS.rglob("*.json"))
    sound, refused = verified(claims(SUBMISSIONS, tmp_path)) if files else ([], [])
    assert not refused
    assert len({one.run.key for one in sound}) == len(files)

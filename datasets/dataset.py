"""What every dataset offers: three lazy splits, and fingerprints that say what went in and how."""

from dataclasses import dataclass, field

from datasets.case import Cases


@dataclass(frozen=True)
class SetAside:
    """A subject that could not be used, and why in one sentence."""

    id: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Train and validation hold healthy cases; test holds cases with lesion masks.

    The splits are lazy sequences: a case is read, or made, when it is indexed; `len` is cheap.
    `validation_lesions` holds the validation cases with simulated lesions, the only labelled cases on which
    settings may be chosen. `test_ids` names the test cases without loading them.

    training_fingerprint: hash of all that shapes the train and validation cases; keys fitted components.
    fingerprint: the same plus all that shapes the test cases (lesion set included); keys runs.
    notes: what else the user should know, such as which files are not used; each a sentence.
    participants: subject ("sub-01", without its session) -> what participants.tsv, or the cohort's table, says of it:
        column -> value, such as {"age": "34.2", "sex": "F", "site": "3"}.
    """

    name: str
    channels: tuple[str, ...]
    train: Cases
    validation: Cases
    test: Cases
    validation_lesions: Cases
    test_ids: tuple[str, ...]
    training_fingerprint: str
    fingerprint: str
    description: dict[str, str] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()
    notes: tuple[str, ...] = ()
    participants: dict[str, dict[str, str]] = field(default_factory=dict)

"""A model in words, for people who meet its folder: README.md, as model hubs show it."""

from bench.models.manifest import Manifest

HUB_LICENCES = {"Apache-2.0": "apache-2.0", "CC-BY-SA-3.0": "cc-by-sa-3.0", "MIT": "mit", "CC-BY-4.0": "cc-by-4.0"}


def card_text(manifest: Manifest) -> str:
    """The card: what it is, how it is used, who it learned from, what its thresholds and scores are, whose it is."""
    one = manifest
    voxels = " x ".join(map(str, one.space.shape))
    lines = [
        "---",
        f"license: {HUB_LICENCES.get(one.licence, 'other')}",
        "library_name: brain-anomaly-bench",
        "tags: [brain-mri, anomaly-detection]",
        "---",
        f"# {one.name}",
        "",
        f"{one.title} ({one.method}), for {' and '.join(one.channels)} at {one.space.spacing_mm:g} mm, in a box of "
        f"{voxels} voxels. It says where a brain differs from those it learned from. It is made for research, and no "
        "medical device.",
        "",
        "```sh",
        f"bench predict SCANS OUT --model {one.name}",
        "```",
        "",
        "## Learned from",
        "",
        f"{one.cohort.learned_from}; thresholds and scores are those of {one.cohort.validation} other healthy scans.",
        "",
        *(f"- {key}: {value}" for key, value in one.cohort.description.items()),
        "",
        "## Thresholds",
        "",
        "| share of healthy brain voxels above | value | marked in a healthy scan, median and highest |",
        "|---|---|---|",
        *(
            f"| {each.false_positive_rate:g} | {each.value:.4g} | {median(each.healthy_ml):.1f} ml, "
            f"{max(each.healthy_ml):.1f} ml |"
            for each in one.thresholds
        ),
        "",
        f"Masks: {one.post_processing}. A scan as a whole is scored by {one.image_score}, the mean of the top 1 % of "
        f"its map: {one.healthy_scores[0]:.4g} to {one.healthy_scores[-1]:.4g} in healthy scans.",
        "",
        "## Figures",
        "",
        f"Of {one.figures_of}:",
        "",
        *(f"- {name}: {value:g}" for name, value in one.figures.items()),
        "",
        "## Licence",
        "",
        f"{one.licence}. {one.attribution}".strip(),
    ]
    return "\n".join(lines) + "\n"


def median(values: tuple[float, ...]) -> float:
    """The middle of ascending values, the mean of the two middle ones where their number is even."""
    count = len(values)
    return (values[(count - 1) // 2] + values[count // 2]) / 2

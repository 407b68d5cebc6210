"""How the command line calls the settings of datasets; what has no name here is set by `--data FIELD=VALUE`."""

# option -> field of the dataset's settings, where their names differ
FIELDS = {
    "dataset_seed": "seed",
    "lesion_set": "lesions.set",
    "lesions": "lesions.generator",
    "lesion_atlas": "lesions.atlas",
    "lesion_load_ml": "lesions.lesion_load_ml",
    "soft_fwhm_mm": "lesions.soft_fwhm_mm",
}
# options that bear the name of their field
SAME_NAME = ("root", "train_root", "table", "channels", "align", "cohort_size", "cases", "shift", "harmonise")


def option_of(field: str) -> str | None:
    """The option for a field, as `--config` files have it: "dataset-seed" for seed; None where there is none."""
    names = {field: option for option, field in FIELDS.items()} | {name: name for name in SAME_NAME}
    return names[field].replace("_", "-") if field in names else None

"""Warnings of libraries that our users can do nothing about, each silenced by name; all others are shown."""

import sys
import warnings

# (beginning of the message, kind, module that warns): regular expressions, "" for any.
SILENCED: tuple[tuple[str, type[Warning], str], ...] = (
    ("SOCKS support in urllib3", Warning, r"urllib3\."),  # MLflow's client, where SOCKS is not asked for
    (
        "",
        FutureWarning,
        r"(captum|mlflow|monai|nilearn|torch|zuko)\b",
    ),  # for who writes code with them; Python hides DeprecationWarning itself
)


def silence_libraries() -> None:
    """Add the filters above, unless `python -W` or PYTHONWARNINGS says what to show."""
    if not sys.warnoptions:
        for message, category, module in SILENCED:
            warnings.filterwarnings("ignore", message, category, module)

"""Any text as plain ASCII that pdflatex takes."""

import re
import unicodedata

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "''",
    "\n": " ",
    "±": r"$\pm$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "←": r"$\leftarrow$",
    "→": r"$\rightarrow$",
    "†": r"$\dagger$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "−": "$-$",
    "°": r"$^\circ$",
    "…": r"\ldots{}",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
}
ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
MINUS = re.compile(r"(?<![\w-])-(?=\.?\d)")  # a hyphen that makes a number negative
NOT_GREEK = {"omicron": "o", "final": r"$\varsigma$"}  # that LaTeX has no letter for


def latex_text(text: str) -> str:
    """The text with every character escaped, spelled or, where LaTeX has nothing for it, named by its number."""
    return "".join(_spelled(character) for character in unicodedata.normalize("NFC", MINUS.sub("−", text)))


def _spelled(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if character.isascii():
        return character if character.isprintable() else " "
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in ACCENTS:
        return f"\\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    name = unicodedata.name(character, "")
    if name.startswith("GREEK ") and " LETTER " in name and " WITH " not in name:
        return _greek(name.partition(" LETTER ")[2].lower(), capital=" CAPITAL " in name)
    plain = unicodedata.normalize("NFKD", character)
    if plain != character and len(parts) == 1:
        return "".join(_spelled(one) for one in plain)
    return rf"\texttt{{U+{ord(character):04X}}}"


def _greek(letter: str, capital: bool) -> str:
    letter = {"lamda": "lambda"}.get(letter, letter)
    if letter.startswith(tuple(NOT_GREEK)):
        found = NOT_GREEK[letter.split()[0]]
        return found.upper() if capital else found
    if capital:  # those that look like Latin letters have no command of their own
        latin = {"alpha": "A", "beta": "B", "epsilon": "E", "zeta": "Z", "eta": "H", "iota": "I", "kappa": "K"}
        latin |= {"mu": "M", "nu": "N", "rho": "P", "tau": "T", "chi": "X"}
        return latin.get(letter) or f"$\\{letter.capitalize()}$"
    return f"$\\{letter}$"

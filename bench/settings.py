"""What settings of methods, trained parts and datasets have in common: how they are listed, mistakes in sentences."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from pydantic.fields import FieldInfo

from bench.discovery import nearest
from bench.errors import BenchError, shortened

ModelT = TypeVar("ModelT", bound=BaseModel)
# A file or folder that settings name, so that another command finds it from another folder.
AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class GrowingSettings(BaseModel):
    """Settings that keep their identity when fields are added to them.

    What was trained or scored before is found by a hash of the settings it was made with. So a field that came later
    is left out of what is written and hashed while it has its default, which must be what the code did before.

    Attributes:
        added_later: the fields that came after parts or runs with these settings had been published.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    added_later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        fields = type(self).model_fields
        same = {name for name in self.added_later if getattr(self, name) == fields[name].default}
        return {name: value for name, value in values.items() if name not in same}


def validated(model: type[ModelT], values: Mapping[str, object], whose: str) -> ModelT:
    """The model with these values; BenchError with one sentence on the first mistake.

    whose: what the sentence begins with, such as the name of a method.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BenchError(f"{whose}: {explain(error, model)}") from error


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first mistake of a validation as a sentence: field, value, what it takes."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    fields = settings_of(model)
    if first["type"] == "extra_forbidden":
        return f"there is no setting {shortened(repr(field))}{nearest(field, fields)}"
    words = fields[field][1] if field in fields else ""
    description = f" ({words})" if words else ""
    if first["type"] == "missing":
        return f"the setting {field!r} is missing{description}."
    takes = first["msg"][:1].lower() + first["msg"][1:]
    return f"{field} = {shortened(repr(first['input']))} is wrong, {takes}{description}."


def settings_of(model: type[BaseModel], prefix: str = "") -> dict[str, tuple[str, str]]:
    """Every setting of a model by dotted key, with its bounds (or choices) and its description."""
    found: dict[str, tuple[str, str]] = {}
    for name, field in model.model_fields.items():
        nested = _nested(field.annotation)
        if nested is not None:
            found |= settings_of(nested, f"{prefix}{name}.")
        else:
            found[prefix + name] = (_bounds(field), field.description or "")
    return found


SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "min_length": "at least", "max_length": "at most"}


def _bounds(field: FieldInfo) -> str:
    """Such as ">= 0, <= 20", or the choices of a literal."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(map(str, get_args(field.annotation)))
    limits = [(sign, getattr(rule, name, None)) for rule in field.metadata for name, sign in SIGNS.items()]
    return ", ".join(f"{sign} {limit}" for sign, limit in limits if limit is not None)


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The pydantic model of a field, also inside `Model | None`."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None

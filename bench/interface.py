"""What the base classes of the interface do with a class that derives from them."""

import inspect
from typing import Any, TypeVar, get_args, get_origin

from bench.errors import BenchError

OLD_INTERFACE = (
    "is written for an older bench: take `@register` away, write `fit(self, context)` with `context.train` and "
    "`context.validation` in a method, and `train(cls, config, context, upstream)` in a trained part."
)


def refuse_old_interface(cls: type, learns: str) -> None:
    """BenchError when the class's own function of that name, `fit` or `train`, still takes the cases one by one."""
    function = vars(cls).get(learns)
    function = getattr(function, "__func__", function)
    if inspect.isfunction(function) and {"train", "validation"} & set(inspect.signature(function).parameters):
        raise BenchError(f"{cls.__module__}.{cls.__qualname__} {OLD_INTERFACE}")


def type_arguments(cls: type, generic: type) -> tuple[Any, ...]:
    """What a class puts in the brackets of a generic class it derives from, also through a class in between.

    `class ZScore(Detector[ZScoreConfig])` gives (ZScoreConfig,); () when there are no brackets. What a class in
    between leaves open, stays a TypeVar.
    """
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if origin is generic:
            return get_args(base)
        if isinstance(origin, type) and issubclass(origin, generic):
            given = dict(zip(getattr(origin, "__parameters__", ()), get_args(base), strict=False))
            return tuple(given.get(a, a) if isinstance(a, TypeVar) else a for a in type_arguments(origin, generic))
    return ()

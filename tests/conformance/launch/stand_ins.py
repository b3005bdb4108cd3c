"""Empty modules in the place of heavy ones (torch, diffusers, ...), so that a server's HTTP layer can be imported.

Whatever is asked of them is a class that can be subclassed, called, subscripted, entered and used as a decorator. Only
what really is in the environment is left alone. For processes of the servers' own environments; standard library only.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_VERSION = "99.0.0"
_KEPT: set[str] = set()


class _Meta(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _class(name)
        setattr(cls, name, made)
        return made

    def __getitem__(cls, item: Any) -> type:
        return cls

    def __or__(cls, other: Any) -> Any:
        return object

    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # there where models name these classes

        return core_schema.any_schema()

    __ror__ = __or__

    def __iter__(cls) -> Any:
        return iter(())

    def __len__(cls) -> int:
        return 0

    def __lt__(cls, other: Any) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__


class Anything(metaclass=_Meta):
    """Does nothing, whatever is done with it. ``@decorator`` and ``@decorator(...)`` give back what they adorn."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type)):
            return args[0]
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __init_subclass__(cls, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type)):
            return args[0]
        return Anything()

    def __getitem__(self, item: Any) -> Any:
        return Anything()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def __iter__(self) -> Any:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __int__(self) -> int:
        return 0

    __index__ = __int__

    def __float__(self) -> float:
        return 0.0

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __lt__(self, other: Any) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__

    def __add__(self, other: Any) -> Any:
        return Anything()

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __or__ = __ror__ = __add__


def _class(name: str) -> type:
    return _Meta(name, (Anything,), {"__module__": "stand_ins"})


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in _KEPT:  # `from package import module` asks for an attribute first
            return importlib.import_module(full)
        # what is named like an error must be one: it stands in `except` clauses
        made = type(name, (Exception,), {}) if name.endswith(("Error", "Exception")) else _class(name)
        setattr(self, name, made)
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, roots: Sequence[str], keep: Sequence[str]) -> None:
        self._roots, self._keep = tuple(roots), tuple(keep)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if not _below(name, self._roots) or _below(name, self._keep):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        module = _Module(spec.name)
        # what is kept is found in the real folder
        folders = [Path(place, *spec.name.split(".")) for place in sys.path if place]
        module.__path__ = [str(folder) for folder in folders if folder.is_dir()]
        module.__file__ = f"<stand-in {spec.name}>"
        module.__version__ = _VERSION
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _below(name: str, roots: Sequence[str]) -> bool:
    return any(name == root or name.startswith(root + ".") for root in roots)


def stand_in(*roots: str, keep: Sequence[str] = ()) -> None:
    """From here on, these modules and all below them are empty ones, and the release of each is a high one.

    What ``keep`` names, and what is below that, is real.
    """
    _KEPT.update(keep)
    sys.meta_path.insert(0, _Finder(roots, keep))
    version = importlib.metadata.version
    importlib.metadata.version = lambda name: _VERSION if name in roots else version(name)

"""The conformance suite: what every provider has to do, at whatever server; also for packages with one of their own.

Such a package has a module ``conformance`` with ``RECIPES``, a list of `Recipe`, and ``peer(recipe, folder)``, which
starts a server (or a double of one) and returns the `Peer` that knows it. Needs pytest.
"""

from .peer import LOST, Peer
from .recipes import KEY, WRONG_KEY, Recipe, words
from .wire import FELL_OVER, Line, Wire

__all__ = ["FELL_OVER", "KEY", "LOST", "WRONG_KEY", "Line", "Peer", "Recipe", "Wire", "words"]

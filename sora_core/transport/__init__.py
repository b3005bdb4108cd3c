"""httpx behind one small interface; what to repeat is decided by one pure function."""

from .call import Call, Reply
from .http import Http
from .keys import Keys

__all__ = ["Call", "Http", "Keys", "Reply"]

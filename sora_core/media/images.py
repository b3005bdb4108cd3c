"""Images on their way to a server."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from ..errors import InvalidRequest
from ..models import Upload

_AS_IS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def upload_from_file(path: Path) -> Upload:
    """The file as it is where servers read its format, else as PNG. Raises InvalidRequest."""
    from PIL import Image, UnidentifiedImageError

    try:
        data = path.read_bytes()
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("error")
            image.load()
            if image.format in _AS_IS:
                return Upload(data, _AS_IS[image.format], f"reference.{image.format.lower()}")
            buffer = io.BytesIO()
            image.convert("RGB").save(buffer, "PNG", compress_level=1)
            return Upload(buffer.getvalue(), "image/png", "reference.png")
    except UnidentifiedImageError as error:
        raise InvalidRequest(f"{path} is not an image that can be read.") from error
    except (Image.DecompressionBombError, Warning, SyntaxError, ValueError) as error:
        raise InvalidRequest(f"The image {path} is damaged or absurdly large: {error}.") from error
    except OSError as error:
        raise InvalidRequest(f"The image {path} cannot be read: {error.strerror or error}.") from error

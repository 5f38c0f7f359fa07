"""A net under the libraries that work on a file: what they refuse is that file's error, and the others go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from device.errors import MediaError


@contextmanager
def refused_in_words(path: Path) -> Iterator[None]:
    """Raises MediaError, naming the file, in place of OpenCV's own error and of a lack of memory."""
    try:
        yield
    except cv2.error as error:
        raise MediaError(f"{path}: OpenCV cannot work on it ({error.func}: {error.err}); convert the file") from error
    except MemoryError as error:
        raise MediaError(f"{path}: takes more memory than there is; make it smaller or shorter") from error

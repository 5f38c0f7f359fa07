"""One set of small corpora for the whole session."""

from pathlib import Path

import pytest

from tests.convert import builders as made_corpora


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_corpora.everything(tmp_path_factory.mktemp("data"))

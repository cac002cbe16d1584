"""The model store against a local hub: what is found, what arrives, what never looks whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from livetranslate.asr.models.files import Origin
from livetranslate.asr.models.store import ModelStore, StoreOptions
from livetranslate.domain.errors import InvalidInput, ModelUnavailable, NotFound
from support.hub import HubState, running_hub

REPOSITORY = "Systran/faster-whisper-tiny"


@pytest.fixture
def hub(whisper_fixture: Path) -> Iterator[HubState]:
    with running_hub() as state:
        content = {path.name: path.read_bytes() for path in whisper_fixture.iterdir()}
        state.repositories[REPOSITORY] = content | {"README.md": b"not part of the model"}
        yield state


@pytest.fixture
def store(hub: HubState, tmp_path: Path) -> ModelStore:
    return ModelStore(
        StoreOptions(
            model_dir=tmp_path / "models", endpoint=hub.endpoint, hub_cache=tmp_path / "cache"
        )
    )


def test_download_brings_a_model_that_loads(store: ModelStore, tmp_path: Path) -> None:
    seen: dict[str, list[int]] = {}

    def progress(name: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        seen.setdefault(name, []).append(done)

    model = store.download("tiny", progress=progress)
    assert model.path == tmp_path / "models" / "tiny"
    assert model.origin is Origin.MODEL_DIR
    assert model.min_window_s == 1.0
    assert store.locate("tiny") == model
    assert [each.name for each in store.installed()] == ["tiny"]
    assert not (model.path / "README.md").exists()
    assert not (model.path / ".cache").exists()
    assert seen["model.bin"] == sorted(seen["model.bin"])
    assert seen["model.bin"][-1] == (model.path / "model.bin").stat().st_size

    from faster_whisper import WhisperModel

    WhisperModel(str(model.path), device="cpu", compute_type="int8", local_files_only=True)


def test_download_again_asks_nobody(store: ModelStore, hub: HubState) -> None:
    store.download("tiny")
    hub.requests.clear()
    store.download("tiny")
    assert hub.requests == []


def test_a_broken_transfer_goes_on_where_it_stopped(store: ModelStore, hub: HubState) -> None:
    content = bytes(range(256)) * 100_000  # the client stores 10 MiB at a time
    hub.repositories[REPOSITORY]["model.bin"] = content
    hub.cut_once.add("model.bin")
    model = store.download("tiny")
    assert (model.path / "model.bin").read_bytes() == content
    first, second = hub.ranges("model.bin")
    assert first is None
    assert second == f"bytes={10 * 2**20}-"


def test_an_interrupted_download_does_not_look_installed(store: ModelStore, hub: HubState) -> None:
    class Interrupted(Exception):
        pass

    def stop(name: str, done: int, total: int) -> None:
        if name == "model.bin" and done > 0:
            raise Interrupted

    with pytest.raises(Interrupted):
        store.download("tiny", progress=stop)
    assert store.installed() == []
    with pytest.raises(ModelUnavailable):
        store.locate("tiny")

    hub.requests.clear()
    store.download("tiny")
    assert store.locate("tiny").origin is Origin.MODEL_DIR
    fetched = [path for method, path, _ in hub.requests if method == "GET"]
    assert not any(path.endswith("resolve/config.json") for path in fetched)


@pytest.mark.parametrize("path", ["model.bin", "config.json"])
def test_a_damaged_file_is_refused_and_fetched_anew(
    store: ModelStore, hub: HubState, path: str
) -> None:
    hub.damaged.add(path)
    with pytest.raises(ModelUnavailable, match=rf"{path}.*damaged"):
        store.download("tiny")
    assert store.installed() == []
    hub.damaged.clear()
    model = store.download("tiny")
    assert (model.path / path).read_bytes() == hub.repositories[REPOSITORY][path]


def test_too_little_room_is_said_before_anything_is_fetched(
    store: ModelStore, hub: HubState
) -> None:
    hub.claimed_sizes["model.bin"] = 10**18
    with pytest.raises(ModelUnavailable, match=r"MB free.*MODEL_DIR"):
        store.download("tiny")
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


@pytest.mark.parametrize(
    ("name", "words"),
    [("someone/nothing", "no repository someone/nothing"), ("someone/gated", "gated.*HF_TOKEN")],
)
def test_what_the_hub_refuses(store: ModelStore, hub: HubState, name: str, words: str) -> None:
    hub.repositories["someone/gated"] = {}
    hub.gated.add("someone/gated")
    with pytest.raises(ModelUnavailable, match=words):
        store.download(name)


def test_a_repository_without_a_converted_model(store: ModelStore, hub: HubState) -> None:
    hub.repositories["openai/whisper"] = {"config.json": b"{}", "model.safetensors": b"x"}
    with pytest.raises(ModelUnavailable, match="no CTranslate2 model"):
        store.download("openai/whisper")


def test_an_unreachable_hub_names_the_remedy(tmp_path: Path) -> None:
    with running_hub() as gone:
        endpoint = gone.endpoint
    store = ModelStore(StoreOptions(model_dir=tmp_path, endpoint=endpoint, hub_cache=tmp_path))
    with pytest.raises(ModelUnavailable, match=f"{endpoint}.*HF_ENDPOINT.*MODEL_DIR"):
        store.download("tiny")


def test_unknown_names(store: ModelStore) -> None:
    with pytest.raises(InvalidInput, match="large-v3-turbo") as raised:
        store.download("gigantic")
    assert raised.value.field == "model"
    with pytest.raises(ModelUnavailable, match="models download gigantic.*MODEL_DIR"):
        store.locate("gigantic")


def test_owner_and_name_have_a_place_of_their_own(store: ModelStore, hub: HubState) -> None:
    hub.repositories["someone/model"] = hub.repositories[REPOSITORY]
    store.download("someone/model")
    assert store.locate("someone/model").path.name == "someone--model"
    assert [each.name for each in store.installed()] == ["someone/model"]


def test_aliases_share_one_copy(store: ModelStore, hub: HubState) -> None:
    turbo = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
    hub.repositories[turbo] = hub.repositories[REPOSITORY]
    assert store.download("turbo").path == store.download("large-v3-turbo").path


def test_a_directory_is_a_model_by_itself(store: ModelStore, whisper_fixture: Path) -> None:
    model = store.locate(str(whisper_fixture))
    assert (model.origin, model.path) == (Origin.DIRECTORY, whisper_fixture)
    assert model.size_bytes > 9_000_000


def test_a_directory_that_is_not_there(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no model's directory"):
        store.locate(str(tmp_path / "nowhere"))


def test_an_incomplete_directory_says_what_is_missing(
    store: ModelStore, whisper_fixture: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(whisper_fixture, broken)
    (broken / "tokenizer.json").unlink()
    (broken / "model.bin").write_bytes(b"")
    with pytest.raises(ModelUnavailable, match=r"model\.bin, tokenizer\.json"):
        store.locate(str(broken))


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ('{"min_window_s": 0}', "min_window_s"),
        ('{"min_window_s": "short"}', "min_window_s"),
        ('{"min_windows": 1}', "min_windows"),
        ("{", "livetranslate.json"),
    ],
)
def test_wrong_notes_name_file_and_field(
    store: ModelStore, whisper_fixture: Path, tmp_path: Path, notes: str, words: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(whisper_fixture, model)
    (model / "livetranslate.json").write_text(notes)
    with pytest.raises(ModelUnavailable, match=words):
        store.locate(str(model))


def test_a_stock_model_wants_thirty_seconds(
    store: ModelStore, whisper_fixture: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(whisper_fixture, model, ignore=shutil.ignore_patterns("livetranslate.json"))
    assert store.locate(str(model)).min_window_s == 30.0


def test_what_another_program_left_in_the_hubs_cache_is_found(
    store: ModelStore, hub: HubState, tmp_path: Path
) -> None:
    from huggingface_hub import snapshot_download

    snapshot_download(REPOSITORY, cache_dir=tmp_path / "cache", endpoint=hub.endpoint)
    assert store.locate("tiny").origin is Origin.HUB_CACHE
    assert [each.origin for each in store.installed()] == [Origin.HUB_CACHE]
    with pytest.raises(NotFound):
        store.remove("tiny")


def test_remove_takes_the_model_and_what_is_unfinished(
    store: ModelStore, hub: HubState, tmp_path: Path
) -> None:
    store.download("tiny")
    store.remove("tiny")
    assert store.installed() == []
    hub.damaged.add("model.bin")
    with pytest.raises(ModelUnavailable):
        store.download("tiny")
    store.remove("tiny")
    assert not any((tmp_path / "models" / ".incoming").iterdir())
    with pytest.raises(NotFound):
        store.remove("tiny")


@pytest.mark.parametrize("name", ["", "../outside", ".incoming", "."])
def test_no_name_leads_out_of_the_directory(store: ModelStore, name: str) -> None:
    with pytest.raises(InvalidInput):
        store.remove(name)

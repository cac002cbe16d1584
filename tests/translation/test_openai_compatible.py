"""The OpenAI-compatible engine against a server that speaks the protocol, well and badly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from livetranslate.domain.errors import BackendUnavailable, ModelUnavailable
from livetranslate.translation.base import TranslationRequest
from livetranslate.translation.engines.base import EngineOutput
from livetranslate.translation.engines.openai_compatible import OpenAICompatibleEngine
from livetranslate.translation.options import TranslationOptions
from support.openai_server import OpenAIServer, openai_server


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with openai_server() as server:
        yield server


async def translate(
    url: str, *texts: str, key: str | None = None, model: str | None = None, timeout_s: float = 5.0
) -> list[EngineOutput]:
    engine = OpenAICompatibleEngine(
        TranslationOptions(
            openai_base_url=url,
            openai_api_key=key,
            openai_model=model,
            openai_timeout_s=timeout_s,
        )
    )
    try:
        return await engine.translate(
            TranslationRequest(
                texts=texts or ("the book",), source_language="en", target_language="es"
            )
        )
    finally:
        await engine.close()


async def test_the_first_chat_model_is_taken(server: OpenAIServer) -> None:
    [output] = await translate(server.url)
    assert output.text == "el libro"
    assert output.confidence == pytest.approx(0.9048, abs=1e-3)
    assert server.requests[0]["model"] == "tiny-chat"


async def test_the_wanted_model_is_taken_and_has_to_be_there(server: OpenAIServer) -> None:
    server.models = ["one", "two"]
    await translate(server.url, model="two")
    assert server.requests[0]["model"] == "two"
    with pytest.raises(ModelUnavailable, match="it serves one, two"):
        await translate(server.url, model="three")


async def test_the_path_of_the_api_is_found(server: OpenAIServer) -> None:
    [output] = await translate(server.url.removesuffix("/v1"))
    assert output.text == "el libro"


async def test_languages_and_text_are_in_the_prompt(server: OpenAIServer) -> None:
    await translate(server.url, "good morning")
    system, user = server.requests[0]["messages"]
    assert "from English (en) to Spanish (es)" in system["content"]
    assert user == {"role": "user", "content": "good morning"}


async def test_thoughts_and_added_quotes_are_removed(server: OpenAIServer) -> None:
    server.mode = "quoted"
    [output] = await translate(server.url)
    assert output.text == "el libro"


async def test_without_probabilities_there_is_no_confidence(server: OpenAIServer) -> None:
    server.mode = "no_logprobs"
    assert (await translate(server.url))[0].confidence is None


async def test_a_parameter_the_server_refuses_is_left_out(server: OpenAIServer) -> None:
    server.mode = "refuses_logprobs"
    outputs = await translate(server.url, "the book", "monday")
    assert [output.text for output in outputs] == ["el libro", "lunes"]
    assert outputs[0].confidence is None


async def test_a_closed_connection_is_tried_again_once(server: OpenAIServer) -> None:
    server.mode = "hangs_up"
    [output] = await translate(server.url)
    assert output.text == "el libro"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("error", "status 500"),
        ("malformed", "no chat completion"),
        ("empty", "empty"),
        ("cut", "cut off"),
    ],
)
async def test_bad_answers_are_errors(server: OpenAIServer, mode: str, reason: str) -> None:
    server.mode = mode
    with pytest.raises(BackendUnavailable, match=reason):
        await translate(server.url)


async def test_a_slow_answer_is_an_error_in_time(server: OpenAIServer) -> None:
    server.mode = "slow"
    with pytest.raises(BackendUnavailable, match=r"did not answer in 0\.05 s"):
        await translate(server.url, timeout_s=0.05)


async def test_the_key_is_sent(server: OpenAIServer) -> None:
    server.key = "s3cret"
    assert (await translate(server.url, key="s3cret"))[0].text == "el libro"
    with pytest.raises(BackendUnavailable, match="status 401") as error:
        await translate(server.url, key="wrong")
    assert "wrong" not in error.value.message


async def test_a_server_that_is_away_is_told(server: OpenAIServer) -> None:
    with pytest.raises(BackendUnavailable, match="cannot be reached"):
        await translate("http://127.0.0.1:9/v1")
    engine = OpenAICompatibleEngine(TranslationOptions(openai_base_url="http://127.0.0.1:9/v1"))
    status = await engine.status()
    assert not status.available and status.remedy
    await engine.close()


def test_options_do_not_show_the_key() -> None:
    assert "s3cret" not in repr(TranslationOptions(openai_api_key="s3cret"))

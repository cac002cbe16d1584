"""The calls of the worker link, read off the contracts that it carries."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import msgspec

from livetranslate.sessions.configuration.base import ConfigurationSource
from livetranslate.sessions.log.base import SessionLog
from livetranslate.sessions.work import WorkerDesk

_encoder = msgspec.msgpack.Encoder()


class Method:
    """One method of a contract: how its arguments and result travel.

    Arguments travel as an array in the order of the signature, defaults included.

    Args:
        name: ``contract.method`` on the wire.
        function: The contract's definition, whose annotations give the types.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        hints = get_type_hints(function)
        result = hints.pop("return")
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self._positional = sum(p.kind is not p.KEYWORD_ONLY for p in parameters)
        self._keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        types = tuple(hints[parameter.name] for parameter in parameters)
        self._arguments = msgspec.msgpack.Decoder[Any](tuple[types])
        self._result = msgspec.msgpack.Decoder[Any](result)

    def encode(self, *arguments: object) -> msgspec.Raw:
        """Return the arguments as they travel."""
        return msgspec.Raw(_encoder.encode(arguments))

    async def call(
        self, function: Callable[..., Awaitable[object]], arguments: msgspec.Raw
    ) -> msgspec.Raw:
        """Call an implementation of the method and return its result as it travels."""
        values = self._arguments.decode(arguments)
        keywords = dict(zip(self._keywords, values[self._positional :], strict=True))
        return msgspec.Raw(_encoder.encode(await function(*values[: self._positional], **keywords)))

    def decode(self, result: msgspec.Raw) -> Any:
        """Return a result that has travelled."""
        return self._result.decode(result)


def _methods(prefix: str, contract: type) -> dict[str, Method]:
    names = [name for name, value in vars(contract).items() if inspect.iscoroutinefunction(value)]
    return {
        f"{prefix}.{name}": Method(f"{prefix}.{name}", getattr(contract, name)) for name in names
    }


METHODS = {
    **_methods("log", SessionLog),
    **_methods("desk", WorkerDesk),
    **_methods("configuration", ConfigurationSource),
}
"""Every method of the session log (``log.…``), the worker desk (``desk.…``) and the shared
configuration (``configuration.…``)."""

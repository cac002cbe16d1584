"""The client's side of ``/ws``: for the command line, benchmarks and load tools.

``CaptionClient`` streams audio and yields events; ``sources`` cuts files, pipes and the microphone
into chunks and paces them.
"""

from livetranslate.services.client.captions import CaptionClient, ClientOptions, Received
from livetranslate.services.client.window import Chunk

__all__ = ["CaptionClient", "Chunk", "ClientOptions", "Received"]

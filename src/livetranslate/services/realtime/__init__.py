"""The live edges: the hub, and the WebSocket and Socket.IO protocols over it."""

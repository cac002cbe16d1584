// A connection to the rehearsal's room: JSON messages both ways.
export function connect(path, on) {
  const socket = new WebSocket(`ws://${location.host}${path}`);
  const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
  socket.addEventListener("message", ({ data }) => on(JSON.parse(data)));
  const say = async (message) => {
    await opened;
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  return { say, closed: (then) => socket.addEventListener("close", then) };
}

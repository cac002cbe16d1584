import type { Pcm } from "../audio/format";

/** The part of a browser's WebSocket that the client uses. */
export interface Socket {
  binaryType: BinaryType;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(data: string | Pcm): void;
  close(code?: number, reason?: string): void;
}

export type OpenSocket = () => Socket;

/** Opens sockets to the `/ws` of the host that served the page. */
export function pageSocket(location: Location): OpenSocket {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return () => new WebSocket(`${scheme}//${location.host}/ws`) as unknown as Socket;
}

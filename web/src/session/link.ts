import type { ClientMessage, ConnectionMessage, SessionEvent } from "../wire";
import type { Pcm } from "../audio/format";
import { backoffMs } from "./backoff";
import type { Clock } from "./clock";
import type { OpenSocket, Socket } from "./socket";

export type ServerMessage = SessionEvent | ConnectionMessage;

export type LinkState =
  | { readonly kind: "closed" }
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "open" }
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAt: number };

export interface LinkHandlers {
  open(): void;
  message(message: ServerMessage): void;
  /** The state changed; also called when a connection was lost and another will be tried. */
  change(state: LinkState): void;
  /** The server closed the connection for a reason that a retry does not cure. */
  refused(code: number, reason: string): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 10_000;
const ANSWER_MS = 20_000;
/** A connection that held for so long was a good one: the next wait is a short one again. */
const STEADY_MS = 5_000;
const HIGH_WATER_BYTES = 512 * 1024;

/** Close codes that stay true however often one comes back. */
const REFUSALS = new Set([1009, 4401, 4403]);

/** Keeps one WebSocket to the platform open, again and again, until it is closed from here. */
export class Link {
  #socket: Socket | undefined;
  #state: LinkState = { kind: "closed" };
  #attempt = 0;
  #openedAt = 0;
  /** Clock reading of a heartbeat that nothing has followed yet, or null. */
  #askedAt: number | null = null;
  #notBefore = 0;
  #cancelTimer: () => void = () => {};

  constructor(
    readonly openSocket: OpenSocket,
    readonly clock: Clock,
    readonly random: () => number,
    readonly handlers: LinkHandlers,
  ) {}

  get state(): LinkState {
    return this.#state;
  }

  /** Whether more audio may be handed to the socket. */
  get writable(): boolean {
    return this.#state.kind === "open" && (this.#socket?.bufferedAmount ?? 0) < HIGH_WATER_BYTES;
  }

  /** Connects now; at once even where the next attempt was due later. */
  connect(): void {
    if (this.#socket) return;
    this.#cancelTimer();
    this.#enter({ kind: "connecting", attempt: this.#attempt });
    const socket = this.openSocket();
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(socket, event.data);
    socket.onclose = (event) => this.#lost(socket, event.code, event.reason);
    this.#cancelTimer = this.clock.after(CONNECT_TIMEOUT_MS, () => this.drop());
  }

  send(message: ClientMessage): void {
    if (this.#state.kind === "open") this.#socket?.send(JSON.stringify(message));
  }

  sendAudio(pcm: Pcm): void {
    this.#socket?.send(pcm);
  }

  /** Takes the server's word for when the next attempt makes sense. */
  holdOff(seconds: number): void {
    this.#notBefore = this.clock.now() + seconds * 1000;
  }

  /** Gives the present connection up and tries another. */
  drop(): void {
    const socket = this.#socket;
    if (!socket) return;
    this.#lost(socket, 1006, "no answer");
    socket.close();
  }

  close(): void {
    this.#cancelTimer();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    this.#enter({ kind: "closed" });
  }

  #opened(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#openedAt = this.clock.now();
    this.#askedAt = null;
    this.#enter({ kind: "open" });
    this.#watch();
    this.handlers.open();
  }

  #received(socket: Socket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#askedAt = null;
    const message = JSON.parse(data) as ServerMessage;
    if (message.type !== "heartbeat") this.handlers.message(message);
  }

  #lost(socket: Socket, code: number, reason: string): void {
    if (socket !== this.#socket) return;
    this.#cancelTimer();
    this.#socket = undefined;
    if (REFUSALS.has(code)) {
      this.#enter({ kind: "closed" });
      this.handlers.refused(code, reason);
      return;
    }
    const steady =
      this.#state.kind === "open" && this.clock.now() - this.#openedAt >= STEADY_MS;
    if (steady) this.#attempt = 0;
    const attempt = this.#attempt++;
    const held = this.#notBefore - this.clock.now();
    const delay = Math.max(backoffMs(attempt, this.random), held);
    this.#cancelTimer = this.clock.after(delay, () => this.connect());
    this.#enter({ kind: "waiting", attempt, retryAt: this.clock.now() + delay });
  }

  /** Asks for a sign of life, and gives the connection up if none comes. */
  #watch(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.clock.after(HEARTBEAT_MS, () => {
      if (this.#askedAt === null) {
        this.#askedAt = this.clock.now();
        this.send({ type: "heartbeat" });
      } else if (this.clock.now() - this.#askedAt >= ANSWER_MS) {
        this.drop();
        return;
      }
      this.#watch();
    });
  }

  #enter(state: LinkState): void {
    this.#state = state;
    this.handlers.change(state);
  }
}

import type { Pcm } from "../../src/audio/format";
import type { Socket } from "../../src/session/socket";
import type {
  ClientMessage,
  SessionConfig,
  SessionEnded,
  SessionEvent,
  SessionStarted,
} from "../../src/wire";

const STARTED: SessionStarted["config"] = {
  config: {},
  engine: "test",
  engine_reason: "the only one",
  model: "none",
  device: "cpu",
  compute_type: "int8",
  policy: "alignatt",
};
const TIMESTAMP = "2024-01-01T00:00:00Z";

/** A session as the platform keeps it. */
export interface KeptSession {
  readonly config: SessionConfig;
  readonly chunks: number[];
  readonly events: SessionEvent[];
  ended: boolean;
}

/** What an event has besides what the platform stamps on it. */
type Unstamped<E> = E extends SessionEvent
  ? Omit<E, "session_id" | "event_id" | "timestamp">
  : never;

/** One end of a connection; both directions wait until the test delivers them. */
export class Connection implements Socket {
  binaryType: BinaryType = "blob";
  bufferedAmount = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  readonly upstream: (string | Pcm)[] = [];
  readonly downstream: string[] = [];
  feeds: string | null = null;
  listens: string | null = null;
  answered = false;
  closed = false;

  send(data: string | Pcm): void {
    this.upstream.push(data);
  }

  close(): void {
    this.closed = true;
  }

  /** Breaks off; what was not delivered is lost both ways. */
  cut(code = 1006): void {
    if (this.closed) return;
    this.closed = true;
    this.onclose?.({ code, reason: "" });
  }
}

/** The platform's side of the native WebSocket, in memory and step by step. */
export class Platform {
  readonly sessions = new Map<string, KeptSession>();
  readonly received: ClientMessage[] = [];
  connection: Connection | null = null;
  connections = 0;
  reachable = true;
  acknowledges = true;

  readonly open = (): Socket => {
    const connection = new Connection();
    this.connection = connection;
    this.connections += 1;
    return connection;
  };

  /** Lets the pending connection come about, or fail. */
  answer(): void {
    const { connection } = this;
    if (!connection || connection.closed || connection.answered) return;
    connection.answered = true;
    if (this.reachable) connection.onopen?.(undefined as never);
    else connection.cut();
  }

  /** Delivers up to `most` waiting messages of each direction. */
  deliver(most = Number.POSITIVE_INFINITY): void {
    const { connection } = this;
    if (!connection || connection.closed) return;
    for (let i = 0; i < most && connection.upstream.length > 0; i += 1) {
      this.#take(connection, connection.upstream.shift() ?? "");
    }
    for (let i = 0; i < most && connection.downstream.length > 0 && !connection.closed; i += 1) {
      connection.onmessage?.({ data: connection.downstream.shift() });
    }
  }

  say(message: object): void {
    this.connection?.downstream.push(JSON.stringify(message));
  }

  /** Appends an event to a session and sends it to whoever listens. */
  happen(id: string, event: Unstamped<SessionEvent>): void {
    const session = this.#session(id);
    const stamped = {
      ...event,
      session_id: id,
      event_id: session.events.length + 1,
      timestamp: TIMESTAMP,
    } as SessionEvent;
    session.events.push(stamped);
    if (this.connection?.feeds === id || this.connection?.listens === id) this.say(stamped);
  }

  /** Ends a session whose feeder stayed away. */
  expire(id: string): void {
    const session = this.#session(id);
    if (session.ended) return;
    session.ended = true;
    this.happen(id, ended("disconnected"));
  }

  get openSession(): string | undefined {
    return [...this.sessions.keys()].findLast((id) => !this.#session(id).ended);
  }

  #session(id: string): KeptSession {
    const session = this.sessions.get(id);
    if (!session) throw new Error(`no session ${id}`);
    return session;
  }

  #take(connection: Connection, data: string | Pcm): void {
    if (typeof data !== "string") this.#audio(connection, data);
    else this.#message(connection, JSON.parse(data) as ClientMessage);
  }

  #audio(connection: Connection, pcm: Pcm): void {
    const session = connection.feeds === null ? undefined : this.sessions.get(connection.feeds);
    if (!session || session.ended) {
      this.#refuse("session_closed");
      return;
    }
    session.chunks.push(new DataView(pcm.buffer).getUint32(0));
    if (this.acknowledges) {
      const seq = session.chunks.length - 1;
      this.say({ type: "audio_ack", session_id: connection.feeds, seq, buffered_s: 0 });
    }
  }

  #message(connection: Connection, message: ClientMessage): void {
    this.received.push(message);
    switch (message.type) {
      case "start_session": {
        const id = message.session_id ?? "";
        if (this.sessions.has(id)) {
          this.#refuse("conflict");
          return;
        }
        this.sessions.set(id, {
          config: message.config ?? {},
          chunks: [],
          events: [],
          ended: false,
        });
        connection.feeds = id;
        this.happen(id, { type: "session_started", config: STARTED });
        return;
      }
      case "resume_session":
        this.#resume(connection, message.session_id, message.last_event_id ?? 0);
        return;
      case "join_session":
        connection.listens = message.session_id;
        for (const event of this.#session(message.session_id).events) this.say(event);
        return;
      case "end_session": {
        const session = this.#session(message.session_id);
        if (session.ended) return;
        session.ended = true;
        this.happen(message.session_id, ended("client_ended"));
        return;
      }
      case "heartbeat":
        this.say(message);
        return;
      default:
    }
  }

  #resume(connection: Connection, id: string, lastEventId: number): void {
    const session = this.sessions.get(id);
    if (!session) {
      this.#refuse("not_found");
      return;
    }
    if (session.ended) {
      this.#refuse("session_closed");
      return;
    }
    connection.feeds = id;
    this.say({
      type: "session_resumed",
      session_id: id,
      timestamp: TIMESTAMP,
      event_id: session.events.length,
      next_seq: session.chunks.length,
      config: STARTED,
    });
    for (const event of session.events) {
      if ((event.event_id ?? 0) > lastEventId) this.say(event);
    }
  }

  #refuse(code: string): void {
    this.say({ type: "error", code, message: code });
  }
}

function ended(reason: SessionEnded["reason"]): Unstamped<SessionEvent> {
  return { type: "session_ended", reason, statistics: {} };
}

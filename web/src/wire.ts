// Generated from the wire codec by `npm run types`; do not edit.
// A field with a default may be left out by either side, so it is optional here.
/**
 * The configuration as a session really runs with it.
 *
 * Attributes:
 *     config: What was asked for, completed with defaults.
 *     engine: Speech engine at work.
 *     engine_reason: Why this engine was chosen, and how to get a better one.
 *     model: Model at work.
 *     device: ``cpu`` or ``cuda``.
 *     compute_type: Numeric type the model computes in.
 *     policy: Streaming policy at work.
 *     worker_id: Worker that recognises the session.
 */
export interface AppliedConfig {
  readonly config: SessionConfig;
  readonly engine: string;
  readonly engine_reason: string;
  readonly model: string;
  readonly device: string;
  readonly compute_type: string;
  readonly policy: PolicyName;
  readonly worker_id?: string | null;
}

/** Everything up to ``seq`` is safe; ``buffered_s`` seconds wait to be recognised. */
export interface AudioAck {
  readonly type: "audio_ack";
  readonly session_id: string;
  readonly seq: number;
  readonly buffered_s: number;
}

/**
 * What is done to a session's audio.
 *
 * Attributes:
 *     preset: The preset; the installation's default if the session names none.
 *     parameters: Each stage's parameters, by its name.
 */
export interface AudioInForce {
  readonly preset: string;
  readonly parameters: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Audio as base64, for clients that cannot send binary frames. */
export interface AudioMessage {
  readonly type: "audio_chunk";
  readonly audio: string;
  readonly session_id?: string | null;
  readonly seq?: number | null;
  readonly timestamp?: number | string | null;
}

/** Credentials, first on the connection where authentication is on. */
export interface Authenticate {
  readonly type: "authenticate";
  readonly ticket?: string | null;
  readonly api_key?: string | null;
}

export type ClientMessage = Authenticate | StartSession | JoinSession | LeaveSession | AudioMessage | UpdateSession | ResumeSession | EndSession | Subscribe | Unsubscribe | Heartbeat;

/**
 * The delta of an ``update_session``: unset fields stay as they are.
 *
 * The fields behind ``glossary`` are fixed when a session starts: an update that names them with
 * another value is told that they need a new session.
 */
export interface ConfigUpdate {
  readonly language?: string;
  readonly target_languages?: readonly string[];
  readonly preset?: string | null;
  readonly context?: string | null;
  readonly glossary?: Readonly<Record<string, string>>;
  readonly model?: unknown;
  readonly engine?: unknown;
  readonly task?: unknown;
  readonly policy?: unknown;
  readonly sample_rate?: unknown;
  readonly encoding?: unknown;
  readonly diarization?: unknown;
  readonly vad?: unknown;
  readonly metadata?: unknown;
}

/** First message of every connection. */
export interface Connected {
  readonly type: "connected";
  readonly connection_id: string;
  readonly server_version: string;
  readonly limits: Limits;
}

export type ConnectionMessage = Connected | SessionJoined | SessionLeft | SessionResumed | AudioAck | SlowDown | ErrorMessage | Subscribed | Unsubscribed | ServiceEvent | Heartbeat;

/**
 * A recognised speaker of a session and who that is, by one method.
 *
 * Attributes:
 *     speaker_id: Recognised speaker, such as ``SPEAKER_00``.
 *     speaker_name: The name; None while there is none.
 *     method: How it was found.
 *     confidence: 0-1; None where not measured.
 *     external_id: Participant's id in the meeting.
 *     identity_id: Voice known across sessions.
 *     evidence: What it rests on.
 *     valid_from: Seconds from the session's first sample; None from the beginning.
 *     valid_to: Seconds; None to the end.
 *     time_offset: Seconds between the meeting's clock and the session's.
 */
export interface Correlation {
  readonly speaker_id: string;
  readonly speaker_name: string | null;
  readonly method: SpeakerSource;
  readonly confidence?: number | null;
  readonly external_id?: string | null;
  readonly identity_id?: number | null;
  readonly evidence?: Readonly<Record<string, unknown>>;
  readonly valid_from?: number | null;
  readonly valid_to?: number | null;
  readonly time_offset?: number | null;
}

/** Wire encodings that an edge decodes; the last five are containers. */
export type Encoding = "flac" | "mp3" | "mulaw" | "ogg" | "pcm_f32le" | "pcm_s16le" | "wav" | "webm";

/** Why a session ended. */
export type EndReason = "client_ended" | "deleted" | "disconnected" | "expired" | "failed" | "limit";

/** Flush, send what is final, end. */
export interface EndSession {
  readonly type: "end_session";
  readonly session_id: string;
}

/** Something this connection sent or needs went wrong. */
export interface ErrorMessage {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly fatal?: boolean;
  readonly field?: string | null;
  readonly retry_after_s?: number | null;
  readonly session_id?: string | null;
  readonly expected_seq?: number | null;
}

/** Answered with the same; the server's time is ISO 8601, a client may bring anything. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly timestamp?: number | string | null;
}

/** Listen to a session that another connection feeds. */
export interface JoinSession {
  readonly type: "join_session";
  readonly session_id: string;
  readonly history?: boolean;
}

/** Stop listening. */
export interface LeaveSession {
  readonly type: "leave_session";
  readonly session_id: string;
}

/** What a connection may do; told in ``connected``. */
export interface Limits {
  readonly max_message_bytes: number;
  readonly max_connections: number;
  readonly idle_timeout_s: number;
  readonly session_timeout_s: number;
  readonly resume_window_s: number;
  readonly max_buffered_s: number;
}

/** Streaming policies by name. */
export type PolicyName = "alignatt" | "local_agreement";

/** Feed a session again after a lost connection; takes it over from any other feeder. */
export interface ResumeSession {
  readonly type: "resume_session";
  readonly session_id: string;
  readonly last_seq?: number;
  readonly last_event_id?: number;
}

/** What a connection can subscribe to. */
export type Service = "alerts" | "bots" | "connections" | "gateway" | "health" | "logs" | "metrics" | "queue" | "translation" | "whisper" | "workers";

/** News of a subscribed service. */
export interface ServiceEvent {
  readonly type: "service_event";
  readonly service: Service;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * What a client asks of a session; every field has a default.
 *
 * Attributes:
 *     model: Model name or directory; None takes the installation's default.
 *     engine: Speech engine name, or None for ``auto``.
 *     language: ISO 639-1 code, or ``auto``.
 *     target_languages: Codes that final and preview text is translated into.
 *     task: Transcribe, or Whisper's own translation into English.
 *     policy: Streaming policy; None takes the default of the engine.
 *     sample_rate: Hz of raw encodings, 8000-48000.
 *     encoding: Wire encoding of the audio chunks.
 *     diarization: Whether speakers are to be told apart.
 *     vad: Whether voice activity gates the recogniser.
 *     preset: Name of an audio preset.
 *     context: Free text on what the session is about; shapes recognition and translation.
 *     glossary: Source term → target term, enforced in translations.
 *     metadata: Kept with the session, never interpreted.
 */
export interface SessionConfig {
  readonly model?: string | null;
  readonly engine?: string | null;
  readonly language?: string;
  readonly target_languages?: readonly string[];
  readonly task?: Task;
  readonly policy?: PolicyName | null;
  readonly sample_rate?: number;
  readonly encoding?: Encoding;
  readonly diarization?: boolean;
  readonly vad?: boolean;
  readonly preset?: string | null;
  readonly context?: string | null;
  readonly glossary?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The last event of every session. */
export interface SessionEnded {
  readonly type: "session_ended";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly reason: EndReason;
  readonly statistics: SessionStatistics;
}

/** Something went wrong in the session; it goes on unless ``fatal``. */
export interface SessionError {
  readonly type: "error";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly code: string;
  readonly message: string;
  readonly fatal?: boolean;
  readonly field?: string | null;
  readonly retry_after_s?: number | null;
}

export type SessionEvent = SessionQueued | SessionStarted | SessionUpdated | TranscriptionResult | TranslationResult | SpeakerUpdate | Vad | SessionError | SessionEnded;

/**
 * The connection listens now; the session's present state follows unless history is off.
 *
 * Attributes:
 *     event_id: Newest event of the session.
 *     config: As applied; None while the session waits for a worker.
 */
export interface SessionJoined {
  readonly type: "session_joined";
  readonly session_id: string;
  readonly timestamp: string;
  readonly event_id: number;
  readonly config: AppliedConfig | null;
}

/** The connection listens no more. */
export interface SessionLeft {
  readonly type: "session_left";
  readonly session_id: string;
  readonly timestamp: string;
}

/** No worker is free yet; audio is taken and acknowledged meanwhile. */
export interface SessionQueued {
  readonly type: "session_queued";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly position: number;
}

/**
 * The connection feeds the session again; missed events follow.
 *
 * Attributes:
 *     next_seq: Chunk that the log expects next.
 *     event_id: Newest event of the session.
 */
export interface SessionResumed {
  readonly type: "session_resumed";
  readonly session_id: string;
  readonly timestamp: string;
  readonly event_id: number;
  readonly next_seq: number;
  readonly config: AppliedConfig | null;
}

/** A worker has claimed the session and is ready. */
export interface SessionStarted {
  readonly type: "session_started";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly config: AppliedConfig;
}

/**
 * Totals of a session, told in ``session_ended``.
 *
 * Attributes:
 *     audio_s: Seconds of audio taken.
 *     speech_s: Seconds of it with speech.
 *     chunks: Audio chunks taken.
 *     segments: Final segments.
 *     words: Committed words.
 *     translations: Final translations.
 *     inference_s: Seconds the engine computed for this session.
 */
export interface SessionStatistics {
  readonly audio_s?: number;
  readonly speech_s?: number;
  readonly chunks?: number;
  readonly segments?: number;
  readonly words?: number;
  readonly translations?: number;
  readonly inference_s?: number;
}

/**
 * A change of the configuration, the session's or the installation's, is in force from here on.
 *
 * Attributes:
 *     config: What of the session's own configuration changed.
 *     audio: What is done to the audio from here on, if that changed.
 *     needs_new_session: Fields that were asked for, and that a running session cannot change.
 */
export interface SessionUpdated {
  readonly type: "session_updated";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly config: ConfigUpdate;
  readonly audio?: AudioInForce | null;
  readonly needs_new_session?: readonly string[];
}

/** Audio is ahead of what should be buffered; what was acknowledged is still safe. */
export interface SlowDown {
  readonly type: "slow_down";
  readonly session_id: string;
  readonly retry_after_s: number;
  readonly buffered_s: number;
}

/** Where a speaker's name comes from, in order of trust. */
export type SpeakerSource = "active_speaker" | "captions" | "diarization" | "embedding" | "manual" | "meeting_api" | "track";

/**
 * Past segments got a (better) speaker.
 *
 * Attributes:
 *     speaker_id: The speaker.
 *     speaker_name: The speaker's name, if known.
 *     segment_ids: Segments that are this speaker's from now on.
 *     source: Where that comes from.
 *     confidence: 0-1, or None where not measured.
 *     correlation: What is kept of it; not told to clients.
 */
export interface SpeakerUpdate {
  readonly type: "speaker_update";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly speaker_id: string;
  readonly speaker_name: string | null;
  readonly segment_ids: readonly string[];
  readonly source: SpeakerSource;
  readonly confidence: number | null;
  readonly correlation?: Correlation;
}

/** Open a session that this connection feeds. */
export interface StartSession {
  readonly type: "start_session";
  readonly session_id?: string | null;
  readonly config?: SessionConfig;
}

/** Get a service's events. */
export interface Subscribe {
  readonly type: "subscribe";
  readonly service: Service;
}

/** The subscription is in force. */
export interface Subscribed {
  readonly type: "subscribed";
  readonly service: Service;
}

/** What the recogniser writes down: the language spoken, or English. */
export type Task = "transcribe" | "translate";

/** The present text of a segment: committed words, then the unstable tail. */
export interface TranscriptionResult {
  readonly type: "transcription_result";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly segment_id: string;
  readonly text: string;
  readonly language: string | null;
  readonly confidence: number | null;
  readonly start: number;
  readonly end: number;
  readonly speaker_id?: string | null;
  readonly speaker_name?: string | null;
  readonly is_final: boolean;
  readonly words: readonly Word[];
}

/**
 * A translation of a segment; a preview while ``is_final`` is false.
 *
 * Attributes:
 *     error: Why there is no translation, if there is none; then ``translated_text`` is empty.
 */
export interface TranslationResult {
  readonly type: "translation_result";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly segment_id: string;
  readonly translated_text: string;
  readonly source_language: string | null;
  readonly target_language: string;
  readonly confidence: number | null;
  readonly is_final: boolean;
  readonly engine: string | null;
  readonly speaker_id?: string | null;
  readonly speaker_name?: string | null;
  readonly error?: string | null;
}

/** Get them no more. */
export interface Unsubscribe {
  readonly type: "unsubscribe";
  readonly service: Service;
}

/** The subscription has ended. */
export interface Unsubscribed {
  readonly type: "unsubscribed";
  readonly service: Service;
}

/** Change a session from here on. */
export interface UpdateSession {
  readonly type: "update_session";
  readonly session_id: string;
  readonly config: ConfigUpdate;
}

/** Speech began or ended. */
export interface Vad {
  readonly type: "vad";
  readonly session_id: string;
  readonly event_id?: number;
  readonly timestamp: string;
  readonly speech: boolean;
  readonly level_dbfs: number;
}

/**
 * One recognised word.
 *
 * Attributes:
 *     word: Text with its punctuation, without surrounding blanks.
 *     start: Begin in seconds from the session's (or file's) first sample.
 *     end: End in seconds, never before ``start``.
 *     confidence: Measured probability 0-1, or None where the engine has none.
 *     committed: Whether it can no longer change.
 */
export interface Word {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  readonly confidence?: number | null;
  readonly committed?: boolean;
}

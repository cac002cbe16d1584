import type { SessionEvent, SpeakerUpdate, TranscriptionResult, TranslationResult } from "../wire";

export interface CaptionWord {
  readonly text: string;
  readonly committed: boolean;
}

export interface CaptionTranslation {
  readonly text: string;
  readonly isFinal: boolean;
  readonly engine: string | null;
  /** Why there is no translation, or null. */
  readonly error: string | null;
  readonly eventId: number;
}

/** One segment with everything that is known of it; times are seconds on the page's timeline. */
export interface Caption {
  /** Unique on the page: segment ids are unique in their session only. */
  readonly key: string;
  readonly sessionId: string;
  readonly segmentId: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly words: readonly CaptionWord[];
  readonly language: string | null;
  readonly confidence: number | null;
  readonly isFinal: boolean;
  readonly speakerId: string | null;
  readonly speakerName: string | null;
  readonly translations: Readonly<Record<string, CaptionTranslation>>;
  readonly eventId: number;
}

/** Event ids that were folded in: all up to `below`, and those in `recent` above it. */
interface Seen {
  readonly below: number;
  readonly recent: readonly number[];
}

/** A server may send events this much out of order. */
const WINDOW = 128;

/** The captions of a stretch of listening, in order of speech; never mutated. */
export interface Transcript {
  readonly captions: readonly Caption[];
  /** Whether someone is speaking, as voice activity detection has it. */
  readonly speech: boolean;
  /** Every speaker so far, in the order in which they came to be known. */
  readonly speakers: readonly string[];
  /** Which events are folded in already, by session. */
  readonly seen: Readonly<Record<string, Seen>>;
}

export const EMPTY: Transcript = { captions: [], speech: false, speakers: [], seen: {} };

/**
 * Returns the transcript with an event folded in; the very same one if it changes nothing.
 *
 * An event counts once, however often it arrives; what is final never gives way to a preview, and
 * a newer result never to an older one.
 *
 * @param offsetS Where the event's session begins on the page's timeline, in seconds.
 */
export function fold(transcript: Transcript, event: SessionEvent, offsetS = 0): Transcript {
  const id = event.event_id ?? 0;
  const seen = transcript.seen[event.session_id];
  if (id > 0 && seen && (id <= seen.below || seen.recent.includes(id))) return transcript;
  const changed = withSpeaker(apply(transcript, event, offsetS), event);
  if (id === 0) return changed;
  return { ...changed, seen: { ...transcript.seen, [event.session_id]: remember(seen, id) } };
}

/**
 * Returns the transcript with a speaker's name put on all that they said in a session: for one that
 * has ended, of which no `speaker_update` comes any more.
 */
export function rename(
  transcript: Transcript,
  sessionId: string,
  speakerId: string,
  speakerName: string,
): Transcript {
  const captions = transcript.captions.map((caption) =>
    caption.sessionId === sessionId && caption.speakerId === speakerId
      ? { ...caption, speakerName }
      : caption,
  );
  return { ...transcript, captions };
}

/** A speaker keeps its place, and so its colour, whoever is re-labelled later. */
function withSpeaker(transcript: Transcript, event: SessionEvent): Transcript {
  const id = "speaker_id" in event ? event.speaker_id : null;
  if (!id || transcript.speakers.includes(id)) return transcript;
  return { ...transcript, speakers: [...transcript.speakers, id] };
}

function remember(seen: Seen | undefined, id: number): Seen {
  const recent = [...(seen?.recent ?? []), id];
  const newest = recent.reduce((most, other) => Math.max(most, other), 0);
  const below = Math.max(seen?.below ?? 0, newest - WINDOW);
  return { below, recent: recent.filter((other) => other > below) };
}

function apply(transcript: Transcript, event: SessionEvent, offsetS: number): Transcript {
  switch (event.type) {
    case "transcription_result":
      return transcribed(transcript, event, offsetS);
    case "translation_result":
      return translated(transcript, event);
    case "speaker_update":
      return named(transcript, event);
    case "vad":
      return { ...transcript, speech: event.speech };
    case "session_ended":
      return { ...transcript, speech: false };
    default:
      return transcript;
  }
}

function transcribed(
  transcript: Transcript,
  event: TranscriptionResult,
  offsetS: number,
): Transcript {
  const eventId = event.event_id ?? 0;
  const old = find(transcript, event.session_id, event.segment_id);
  if (old && old.text !== "" && (old.isFinal ? !event.is_final : eventId < old.eventId)) {
    return transcript;
  }
  return put(transcript, {
    ...(old ?? blank(event.session_id, event.segment_id)),
    start: offsetS + event.start,
    end: offsetS + event.end,
    text: event.text,
    words: event.words.map((word) => ({
      text: word.word,
      committed: event.is_final || word.committed === true,
    })),
    language: event.language,
    confidence: event.confidence,
    isFinal: event.is_final,
    speakerId: event.speaker_id ?? old?.speakerId ?? null,
    speakerName: nameOf(event, old),
    eventId,
  });
}

/** Returns the speaker's name; an older one counts only while the speaker is the same. */
function nameOf(event: TranscriptionResult, old: Caption | undefined): string | null {
  if (event.speaker_name) return event.speaker_name;
  const same = event.speaker_id == null || event.speaker_id === old?.speakerId;
  return same ? (old?.speakerName ?? null) : null;
}

function translated(transcript: Transcript, event: TranslationResult): Transcript {
  const eventId = event.event_id ?? 0;
  const caption =
    find(transcript, event.session_id, event.segment_id) ??
    blank(event.session_id, event.segment_id);
  const old = caption.translations[event.target_language];
  if (old && (old.isFinal ? !event.is_final : eventId < old.eventId)) return transcript;
  const translation: CaptionTranslation = {
    text: event.translated_text,
    isFinal: event.is_final,
    engine: event.engine,
    error: event.error ?? null,
    eventId,
  };
  const translations = { ...caption.translations, [event.target_language]: translation };
  return put(transcript, { ...caption, translations });
}

function named(transcript: Transcript, event: SpeakerUpdate): Transcript {
  const ids = new Set(event.segment_ids);
  const captions = transcript.captions.map((caption) =>
    caption.sessionId === event.session_id && ids.has(caption.segmentId)
      ? { ...caption, speakerId: event.speaker_id, speakerName: event.speaker_name }
      : caption,
  );
  return { ...transcript, captions };
}

function find(transcript: Transcript, sessionId: string, segmentId: string): Caption | undefined {
  return transcript.captions.findLast(
    (caption) => caption.segmentId === segmentId && caption.sessionId === sessionId,
  );
}

/** A caption of which no text is known yet; it stands behind all others until it has a time. */
function blank(sessionId: string, segmentId: string): Caption {
  return {
    key: `${sessionId}/${segmentId}`,
    sessionId,
    segmentId,
    start: Number.POSITIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
    text: "",
    words: [],
    language: null,
    confidence: null,
    isFinal: false,
    speakerId: null,
    speakerName: null,
    translations: {},
    eventId: 0,
  };
}

/** Puts a caption in its place: where it stood, or by its start among the others. */
function put(transcript: Transcript, caption: Caption): Transcript {
  const others = transcript.captions;
  const at = others.findLastIndex((other) => other.key === caption.key);
  if (at >= 0 && others[at]?.start === caption.start) {
    return { ...transcript, captions: others.with(at, caption) };
  }
  const rest = others.filter((other) => other.key !== caption.key);
  const before = rest.findLastIndex((other) => other.start <= caption.start);
  return { ...transcript, captions: rest.toSpliced(before + 1, 0, caption) };
}

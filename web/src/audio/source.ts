import type { Pcm } from "./format";

/** What a source of audio tells of its work. */
export interface SourceHandlers {
  /** The next chunk of audio. */
  chunk(pcm: Pcm): void;
  /** How loud it is now, in dBFS. */
  level(dbfs: number): void;
  /** Nothing follows; `lost` says why if it should have. */
  finished(lost: string | null): void;
}

/** A running source of audio. */
export interface AudioSource {
  /** Ends it; what was captured until now is still handed over. */
  stop(): Promise<void>;
}

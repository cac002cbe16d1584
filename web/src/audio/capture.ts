import type { Pcm } from "./format";

/** What the audio thread says; any message to it means: stop. */
export type CaptureMessage =
  | { readonly kind: "chunk"; readonly pcm: Pcm }
  | { readonly kind: "level"; readonly dbfs: number }
  | { readonly kind: "stopped" };

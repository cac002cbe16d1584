import type { Caption } from "../../session/transcript";

/** How many final captions a screen reader may still catch up with. */
const RECENT = 3;

/** Speaks final captions through a screen reader; unstable words would only interrupt it. */
export function Announcer({ captions }: { readonly captions: readonly Caption[] }) {
  const recent = captions.filter((caption) => caption.isFinal && caption.text).slice(-RECENT);
  return (
    <div className="hidden" role="log" aria-live="polite" aria-label="Final captions">
      {recent.map((caption) => (
        <p key={caption.key} lang={caption.language ?? undefined}>
          {caption.speakerName ? `${caption.speakerName}: ` : ""}
          {caption.text}
        </p>
      ))}
    </div>
  );
}

import { type CSSProperties, memo, useLayoutEffect, useRef } from "react";
import { wordSeparator } from "../../languages";
import { clockTime } from "../../session/export";
import type { Caption, CaptionTranslation } from "../../session/transcript";

interface Props {
  readonly caption: Caption;
  /** Languages to show beside it, in order. */
  readonly languages: readonly string[];
  /** Whether another one spoke before. */
  readonly newSpeaker: boolean;
  /** Number of the speaker's colour, or null without a speaker. */
  readonly colour: number | null;
  /** Asks who the speaker is. */
  readonly onName: (caption: Caption) => void;
}

/** One segment: when and who, what was said, and what that means. */
export const CaptionRow = memo(function CaptionRow(props: Props) {
  const { caption, languages, newSpeaker, colour, onName } = props;
  const row = useSteadyHeight(caption);
  const speaker = caption.speakerName ?? caption.speakerId;
  const style = colour === null ? undefined : ({ "--speaker": `var(--speaker-${colour})` } as CSSProperties);
  return (
    <li className="caption" ref={row} data-final={caption.isFinal} style={style}>
      <div className="caption-meta">
        <time>{clockTime(caption.start)}</time>
        {speaker && newSpeaker && (
          <button
            type="button"
            className="speaker"
            title={`Name ${speaker}`}
            onClick={() => onName(caption)}
          >
            <span className="hidden">Name </span>
            {speaker}
          </button>
        )}
      </div>
      <p className="caption-text" dir="auto" lang={caption.language ?? undefined}>
        <Words caption={caption} />
      </p>
      {languages.length > 0 && (
        <div className="caption-translations">
          {languages.map((code) => (
            <Translation
              key={code}
              code={code}
              translation={caption.translations[code]}
              tagged={languages.length > 1}
            />
          ))}
        </div>
      )}
    </li>
  );
});

/** Committed words in full colour, the unstable tail lighter; a word keeps its element. */
function Words({ caption }: { readonly caption: Caption }) {
  if (caption.isFinal || caption.words.length === 0) return caption.text;
  const separator = wordSeparator(caption.language);
  return caption.words.map((word, index) => (
    // A word is identified by its place: committed ones keep it, unstable ones are replaced in it.
    <span key={index} className={word.committed ? "word" : "word unstable"}>
      {index > 0 && separator}
      {word.text}
    </span>
  ));
}

function Translation({
  code,
  translation,
  tagged,
}: {
  readonly code: string;
  readonly translation: CaptionTranslation | undefined;
  readonly tagged: boolean;
}) {
  if (!translation) return null;
  const preview = !translation.isFinal && !translation.error;
  return (
    <p
      className={preview ? "translation word unstable" : "translation word"}
      dir="auto"
      lang={translation.error ? undefined : code}
    >
      {tagged && <span className="tag">{code}</span>}
      {translation.error ? <em className="missing">{translation.error}</em> : translation.text}
    </p>
  );
}

/**
 * Keeps a row from growing smaller while its text is still changing, so that what stands below
 * and above it stays where it is. A new width of the row begins anew.
 */
function useSteadyHeight(caption: Caption) {
  const row = useRef<HTMLLIElement>(null);
  const width = useRef(0);
  useLayoutEffect(() => {
    const element = row.current;
    if (!element) return;
    if (width.current !== element.clientWidth) element.style.minHeight = "";
    width.current = element.clientWidth;
    element.style.minHeight = `${element.offsetHeight}px`;
  }, [caption]);
  return row;
}

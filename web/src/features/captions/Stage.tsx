import { useMemo, useState } from "react";
import { IconDown } from "../../ui/icons";
import { languageName } from "../../languages";
import type { Caption } from "../../session/transcript";
import { CaptionRow } from "./CaptionRow";
import type { CaptionsController } from "./controller";
import { useFollow } from "./follow";
import { SpeakerName } from "./SpeakerName";
import type { CaptionsState } from "./state";

/** Speakers' colours repeat after so many. */
const COLOURS = 8;

/** The captions themselves, with their translations beside them. */
export function Stage({
  state,
  controller,
}: {
  readonly state: CaptionsState;
  readonly controller: CaptionsController;
}) {
  const { captions: all, speakers } = state.transcript;
  const [unnamed, setUnnamed] = useState<Caption | null>(null);
  const captions = useMemo(() => all.filter((caption) => caption.text !== ""), [all]);
  const { scroller, following, follow } = useFollow(captions);
  const shown = useLanguages(captions, state.choices.targets);
  const spoken = captions.at(-1)?.language ?? null;
  return (
    <div className="stage">
      {/* A scrolling region must be reachable by keyboard. */}
      <section className="scroller" ref={scroller} tabIndex={0} aria-label="Captions">
        <div className="sheet" data-columns={shown.length > 0 ? 2 : 1}>
          <div className="heads" aria-hidden="true">
            <span>{spoken ? languageName(spoken) : "Captions"}</span>
            {shown.length > 0 && <span>{shown.map(languageName).join(" · ")}</span>}
          </div>
          <ol className="rows">
            {captions.map((caption, index) => (
              <CaptionRow
                key={caption.key}
                caption={caption}
                languages={shown}
                newSpeaker={!sameSpeaker(caption, captions[index - 1])}
                onName={setUnnamed}
                colour={caption.speakerId ? speakers.indexOf(caption.speakerId) % COLOURS : null}
              />
            ))}
          </ol>
        </div>
      </section>
      {unnamed && (
        <SpeakerName
          caption={unnamed}
          controller={controller}
          onDone={() => setUnnamed(null)}
        />
      )}
      {!following && (
        <button type="button" className="to-live" onClick={follow}>
          <IconDown />
          Follow the live captions
        </button>
      )}
    </div>
  );
}

function sameSpeaker(caption: Caption, before: Caption | undefined): boolean {
  return caption.speakerId === before?.speakerId && caption.speakerName === before.speakerName;
}

/** The chosen languages, then others that there are translations in; the same array while equal. */
function useLanguages(captions: readonly Caption[], chosen: readonly string[]): readonly string[] {
  const present = new Set(captions.flatMap((caption) => Object.keys(caption.translations)));
  const codes = [...chosen, ...[...present].filter((code) => !chosen.includes(code))].join(" ");
  return useMemo(() => codes.split(" ").filter(Boolean), [codes]);
}

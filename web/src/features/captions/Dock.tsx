import { type ChangeEvent, useRef } from "react";
import { clockTime } from "../../session/export";
import { IconArrow, IconFile, IconMicrophone, IconStop } from "../../ui/icons";
import { AudioChoice } from "./AudioChoice";
import type { CaptionsController } from "./controller";
import { EngineInfo } from "./EngineInfo";
import { Exports } from "./Exports";
import { SourceChoice, TargetChoice } from "./LanguageChoice";
import { LevelMeter } from "./LevelMeter";
import { SaveTools } from "./SaveTools";
import type { CaptionsState } from "./state";

interface Props {
  readonly state: CaptionsState;
  readonly controller: CaptionsController;
}

/** Everything one acts with, in one place at the bottom. */
export function Dock({ state, controller }: Props) {
  const resting = state.activity === "idle" || state.activity === "done";
  return (
    <footer className="dock">
      <Progress state={state} />
      <div className="dock-row">
        <MainButton state={state} controller={controller} />
        {resting ? (
          <FileButton state={state} controller={controller} />
        ) : (
          <div className="taking">
            <LevelMeter level={controller.level} speech={state.transcript.speech} />
            <Elapsed state={state} />
          </div>
        )}
        <div className="languages">
          <SourceChoice state={state} controller={controller} />
          <IconArrow />
          <TargetChoice state={state} controller={controller} />
          <AudioChoice state={state} controller={controller} />
        </div>
        <div className="dock-end">
          <EngineInfo state={state} />
          <Exports state={state} />
          <SaveTools captions={state.transcript.captions} />
        </div>
      </div>
    </footer>
  );
}

function MainButton({ state, controller }: Props) {
  const { activity } = state;
  if (activity === "running") {
    return (
      <button type="button" className="main-button stop" onClick={() => controller.toggle()}>
        <IconStop />
        Stop
      </button>
    );
  }
  if (activity === "finishing") {
    const away = state.session !== null && state.session.link.kind !== "open";
    return (
      <button
        type="button"
        className="main-button waiting"
        disabled={!away}
        onClick={() => void controller.stop()}
      >
        <span className="spinner" />
        {away ? "Finish without it" : "Finishing"}
      </button>
    );
  }
  return (
    <button
      type="button"
      className="main-button start"
      disabled={activity === "opening"}
      onClick={() => controller.toggle()}
    >
      {activity === "opening" ? <span className="spinner" /> : <IconMicrophone />}
      {activity === "opening" ? "Opening" : "Start"}
    </button>
  );
}

function FileButton({ state, controller }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const chosen = (event: ChangeEvent<HTMLInputElement>): void => {
    const file = event.target.files?.[0];
    event.target.value = "";
    if (file) void controller.startFile(file);
  };
  return (
    <div className="file-choice">
      <input
        ref={input}
        type="file"
        accept="audio/*,video/*,.flac,.ogg,.opus,.m4a"
        className="hidden"
        tabIndex={-1}
        aria-label="Audio file"
        onChange={chosen}
      />
      <button type="button" className="choice" onClick={() => input.current?.click()}>
        <IconFile />
        Open a file
      </button>
      <label className="pace">
        <input
          type="checkbox"
          checked={state.choices.pace === "fast"}
          onChange={(event) =>
            controller.choose({ pace: event.target.checked ? "fast" : "real_time" })
          }
        />
        Fast
      </label>
    </div>
  );
}

function Elapsed({ state }: { readonly state: CaptionsState }) {
  const { input, takenS, session } = state;
  const waiting = Math.round(session?.backlogS ?? 0);
  return (
    <span className="elapsed">
      <b>{clockTime(takenS)}</b>
      {input?.kind === "file" && input.durationS !== null && ` of ${clockTime(input.durationS)}`}
      {waiting >= 3 && <small>{waiting} s behind</small>}
    </span>
  );
}

/** How far a file has come; without a known length it only shows that something is going on. */
function Progress({ state }: { readonly state: CaptionsState }) {
  const { input, activity } = state;
  if (input?.kind !== "file" || activity === "done" || activity === "idle") return null;
  const value = input.durationS ? input.positionS / input.durationS : undefined;
  return <progress className="progress" value={value} aria-label={`Progress of ${input.name}`} />;
}

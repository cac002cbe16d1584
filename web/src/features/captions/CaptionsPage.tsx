import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Header } from "../../app/Header";
import { type Shortcut, useShortcuts } from "../../app/shortcuts";
import { changeTextSize } from "../../app/text-size";
import { toggleTheme } from "../../app/theme";
import { Announcer } from "./Announcer";
import { Connection } from "./Connection";
import { CaptionsController } from "./controller";
import { Dock } from "./Dock";
import { DropZone } from "./DropZone";
import { EmptyState } from "./EmptyState";
import { NoticeBar } from "./NoticeBar";
import { noticeOf } from "./notice";
import { Stage } from "./Stage";
import { copyText } from "./save";
import "./captions.css";

/** Microphone or file in, live captions and translations out. */
export function CaptionsPage() {
  const [controller] = useState(() => new CaptionsController());
  const state = useSyncExternalStore(controller.state.subscribe, controller.state.get);
  const shortcuts = useMemo(() => shortcutsOf(controller), [controller]);
  useShortcuts(shortcuts);
  useEffect(() => {
    void controller.load();
    controller.follow();
    const leave = (): void => controller.leave();
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      controller.unfollow();
    };
  }, [controller]);

  const { captions } = state.transcript;
  return (
    <DropZone
      enabled={state.activity === "idle" || state.activity === "done"}
      onFile={(file) => void controller.startFile(file)}
    >
      <Header shortcuts={shortcuts}>
        <Connection session={state.session} activity={state.activity} />
      </Header>
      <main className="captions-page">
        {captions.some((caption) => caption.text !== "") ? (
          <Stage state={state} controller={controller} />
        ) : (
          <EmptyState state={state} />
        )}
        <NoticeBar notice={noticeOf(state)} controller={controller} />
        <Dock state={state} controller={controller} />
      </main>
      <Announcer captions={captions} />
    </DropZone>
  );
}

function shortcutsOf(controller: CaptionsController): Shortcut[] {
  return [
    {
      keys: [" "],
      label: "Space",
      hint: "Start listening, or stop",
      run: () => controller.toggle(),
    },
    {
      keys: ["c"],
      label: "C",
      hint: "Copy the transcript",
      run: () => void copyText(controller.state.get().transcript.captions),
    },
    { keys: ["d"], label: "D", hint: "Dark or light", run: toggleTheme },
    {
      keys: ["+", "="],
      label: "+",
      hint: "Larger captions",
      run: () => changeTextSize(1),
    },
    { keys: ["-"], label: "−", hint: "Smaller captions", run: () => changeTextSize(-1) },
    {
      keys: ["end"],
      label: "End",
      hint: "Follow the live captions",
      run: () => document.dispatchEvent(new Event("follow-live")),
    },
  ];
}

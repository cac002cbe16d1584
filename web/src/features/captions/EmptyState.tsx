import { languageName } from "../../languages";
import type { CaptionsState } from "./state";

/** What stands where captions will be: what to do next, or what is awaited. */
export function EmptyState({ state }: { readonly state: CaptionsState }) {
  const [title, text, tail] = words(state);
  return (
    <section className="empty" data-activity={state.activity}>
      <h1>
        {title}
        {tail && <span className="unstable"> {tail}</span>}
      </h1>
      <p>{text}</p>
      {state.activity === "idle" && (
        <p className="keys">
          <kbd>Space</kbd> starts and stops
        </p>
      )}
    </section>
  );
}

function words({ activity, input, choices, session }: CaptionsState): [title: string, text: string, tail?: string] {
  const file = input?.kind === "file" ? input : null;
  switch (activity) {
    case "opening":
      return file
        ? ["Reading the file", `${file.name} is being decoded in your browser.`]
        : ["May this page listen?", "Your browser asks for the microphone. Nothing is recorded before you allow it."];
    case "running":
      if (session?.phase === "starting") {
        return ["Getting the recogniser ready", "Go ahead: what is said now is kept and captioned."];
      }
      return file
        ? ["Listening to the file", `The first words of ${file.name} will stand here.`]
        : ["Listening", "Say something. The first words will stand here."];
    case "finishing":
      return ["Almost done", "The last words are being recognised."];
    case "done":
      return session?.phase === "failed"
        ? ["That did not work", "Below is what happened and what helps."]
        : ["No words were heard", "Silence and noise make no captions. Start again whenever you like."];
    case "idle": {
      const targets = choices.targets.map(languageName);
      const aim = targets.length > 0 ? `, with ${list(targets)} beside it` : "";
      return [
        "Speak, and",
        `Press Start: what is said appears here word by word${aim}. Or drop a recording anywhere on this page.`,
        "read along",
      ];
    }
  }
}

function list(names: readonly string[]): string {
  return new Intl.ListFormat("en", { type: "conjunction" }).format(names);
}

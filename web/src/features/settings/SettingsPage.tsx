import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { Header } from "../../app/Header";
import { type Shortcut, useShortcuts } from "../../app/shortcuts";
import { toggleTheme } from "../../app/theme";
import { AllSettings } from "./AllSettings";
import { AudioSettings } from "./AudioSettings";
import { SettingsController, type SettingsState } from "./controller";
import "./settings.css";

/** The platform's configuration: audio presets to change, and every setting to read. */
export function SettingsPage() {
  const [controller] = useState(() => new SettingsController());
  const state = useSyncExternalStore(controller.state.subscribe, controller.state.get);
  const shortcuts = useMemo(
    (): Shortcut[] => [{ keys: ["t"], label: "T", hint: "Light or dark", run: toggleTheme }],
    [],
  );
  useShortcuts(shortcuts);
  useEffect(() => {
    controller.follow();
    return () => controller.leave();
  }, [controller]);
  return (
    <>
      <Header shortcuts={shortcuts}>
        <span className="settings-version">
          {state.audio ? `Configuration ${state.audio.version}` : ""}
        </span>
      </Header>
      <main className="settings-page">
        <Problems state={state} />
        <h1>Audio</h1>
        <AudioSettings state={state} controller={controller} />
        <h1>All settings</h1>
        <AllSettings settings={state.settings} />
      </main>
    </>
  );
}

function Problems({ state }: { readonly state: SettingsState }) {
  const configuration = state.audio?.configuration;
  return (
    <div className="settings-notices" role="status">
      {state.notice && <p className={`notice-${state.notice.kind}`}>{state.notice.text}</p>}
      {configuration && configuration.refused.length > 0 && (
        <div className="notice-bad">
          <p>{configuration.file} is refused, and what was before it stays in force:</p>
          <ul>
            {configuration.refused.map((reason) => (
              <li key={reason.field}>
                <code>{reason.field}</code> {reason.message}
              </li>
            ))}
          </ul>
        </div>
      )}
      {configuration && configuration.needs_restart.length > 0 && (
        <p className="notice-bad">Waits for a restart: {configuration.needs_restart.join(", ")}</p>
      )}
    </div>
  );
}

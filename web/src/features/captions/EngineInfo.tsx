import { Popover } from "../../ui/Popover";
import type { CaptionsState } from "./state";

/** Tells which engine is at work, and why. */
export function EngineInfo({ state }: { readonly state: CaptionsState }) {
  const running = state.session?.config ?? null;
  const expected = state.platform?.speech ?? null;
  const engine = running?.engine ?? expected?.engine ?? null;
  if (engine === null && !expected) return null;
  const reason = running?.engine_reason ?? expected?.reason ?? "";
  const facts: [string, string | null | undefined][] = [
    ["Model", running?.model ?? expected?.model],
    ["Device", running ? `${running.device} · ${running.compute_type}` : expected?.device],
    ["Policy", running?.policy],
    ["Translation", translators(state)],
    ["Session", state.session?.sessionId],
  ];
  return (
    <Popover
      wide
      name="Engine"
      label={
        <span className="engine">
          <small>{running ? "recognised by" : "recognises with"}</small>
          {engine ?? "not loaded yet"}
        </span>
      }
    >
      <h3>{engine ?? "No engine is loaded yet"}</h3>
      {reason && <p className="reason">{reason}</p>}
      <dl className="facts">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </Popover>
  );
}

/** How many of the newest captions tell which engines translate now. */
const RECENT = 10;

function translators({ transcript }: CaptionsState): string {
  const engines = transcript.captions
    .slice(-RECENT)
    .flatMap((caption) => Object.values(caption.translations))
    .flatMap((translation) => translation.engine ?? []);
  return [...new Set(engines)].join(", ");
}

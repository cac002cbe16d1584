import type { SessionStatus } from "../../session/status";
import type { Activity } from "./state";

/** A dot and a word: how the page and the server stand. */
export function Connection({
  session,
  activity,
}: {
  readonly session: SessionStatus | null;
  readonly activity: Activity;
}) {
  const [tone, label] = describe(session, activity);
  return (
    <span className="connection" data-tone={tone} role="status">
      <i aria-hidden="true" />
      {label}
    </span>
  );
}

function describe(session: SessionStatus | null, activity: Activity): [string, string] {
  if (activity === "idle") return ["calm", "Ready"];
  if (activity === "opening" && session === null) return ["busy", "Opening"];
  if (session?.phase === "failed") return ["bad", "Stopped"];
  if (activity === "done") return ["calm", "Finished"];
  if (!session || session.link.kind === "connecting") return ["busy", "Connecting"];
  if (session.link.kind === "waiting") return ["bad", "Reconnecting"];
  if (activity === "finishing") return ["busy", "Finishing"];
  if (session.queuePosition !== null) return ["busy", "Queued"];
  return session.phase === "starting" ? ["busy", "Starting"] : ["live", "Live"];
}

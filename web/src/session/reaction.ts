import type { ErrorMessage } from "../wire";

/**
 * What the present connection is doing for the session: nothing yet; opening it, where audio may
 * already follow; asking to resume; listening for the last results of one that takes no more
 * audio; feeding.
 */
export type Stage = "none" | "starting" | "resuming" | "collecting" | "feeding";

/**
 * What an error asks for: go on at the chunk it names; ask again when it says; open the session;
 * resume it; collect its last results; leave it behind; give up; or only tell the user.
 */
export type Reaction =
  "rewind" | "come_again" | "open" | "resume" | "collect" | "leave" | "fail" | "tell";

/** Errors that say: this session takes no audio any more, or is not known. */
const GONE = new Set(["not_found", "session_closed", "conflict"]);

/**
 * Returns what to do about an error of the connection.
 *
 * @param everLive Whether the server has confirmed anything of the session before.
 */
export function reactionTo(error: ErrorMessage, stage: Stage, everLive: boolean): Reaction {
  const { code } = error;
  if (code === "sequence_gap" && typeof error.expected_seq === "number") return "rewind";
  if (error.retry_after_s != null && !error.fatal) return "come_again";
  if (stage === "collecting") return "leave";
  if (stage === "resuming" && code === "not_found" && !everLive) return "open";
  if (stage === "starting" && code === "conflict") return "resume";
  if (GONE.has(code) && (stage === "resuming" || stage === "feeding")) return "collect";
  if (error.fatal || stage !== "feeding" || code === "session_busy") return "fail";
  return "tell";
}

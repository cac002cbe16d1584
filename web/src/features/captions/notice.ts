import type { Problem } from "../../session/status";
import type { CaptionsState, Trouble } from "./state";

/** What the user is told when something is not as it should be. */
export interface Notice {
  readonly tone: "error" | "warning" | "info";
  /** What happened. */
  readonly title: string;
  /** What was kept, and what helps. */
  readonly text: string;
  readonly action: "retry_connection" | "reload_platform" | "dismiss" | null;
}

/** Returns the one thing that is most worth telling, or null. */
export function noticeOf(state: CaptionsState): Notice | null {
  const { session, activity, trouble } = state;
  if (session?.phase === "failed" && session.problem) return refused(session.problem, state);
  if (session?.phase === "ended") return ended(state) ?? (trouble && troubled(trouble));
  if (trouble) return troubled(trouble);
  if (session && session.link.kind !== "open" && activity !== "opening") return offline(state);
  if (session && session.lostS > 0) return lost(session.lostS);
  if (session?.problem) return going(session.problem);
  if (session?.queuePosition != null) return queued(session.queuePosition);
  if (state.silent) {
    return {
      tone: "warning",
      title: "Nothing is heard",
      text: "The microphone sends only silence. Is it muted, or is another one selected in the system's sound settings?",
      action: null,
    };
  }
  return null;
}

function offline({ session, activity }: CaptionsState): Notice | null {
  if (!session) return null;
  const first = session.phase === "starting";
  if (first && session.link.kind === "connecting" && session.link.attempt === 0) return null;
  const kept = session.unconfirmedS.toFixed(0);
  const going = activity === "running" ? "Listening goes on; " : "";
  return {
    tone: "warning",
    title: first ? "The server cannot be reached yet" : "The connection is lost",
    text: `${going}${kept} s of audio are kept and will be sent as soon as the server is back. Nothing needs to be repeated.`,
    action: "retry_connection",
  };
}

function lost(seconds: number): Notice {
  return {
    tone: "warning",
    title: `${seconds.toFixed(0)} s of audio had to be given up`,
    text: "The server was away for longer than audio can be kept here. Captions before and after are complete.",
    action: null,
  };
}

function queued(position: number): Notice {
  return {
    tone: "info",
    title: "Waiting for a free recogniser",
    text: `Place ${position} in the queue. What is said meanwhile is kept and will be captioned.`,
    action: null,
  };
}

function going(problem: Problem): Notice {
  return {
    tone: "warning",
    title: sentence(problem.message) || "Something went wrong",
    text: "The session goes on, and the captions so far stay.",
    action: null,
  };
}

const KEPT = "The captions so far stay on this page; copy or download them.";

function ended({ session, transcript }: CaptionsState): Notice | null {
  const kept = transcript.captions.length > 0 ? ` ${KEPT}` : "";
  switch (session?.endReason) {
    case "failed":
      return {
        tone: "error",
        title: "The recogniser failed and the session ended",
        text: `${sentence(session.problem?.message ?? "")}${kept} Start again to go on.`.trim(),
        action: null,
      };
    case "limit":
      return {
        tone: "warning",
        title: "The session reached its longest duration",
        text: `Start again to go on.${kept}`,
        action: null,
      };
    case "deleted":
      return {
        tone: "warning",
        title: "The session was deleted on the server",
        text: `Nothing more arrives.${kept}`,
        action: null,
      };
    case "abandoned":
      return {
        tone: "warning",
        title: "Stopped before the last words arrived",
        text: `${session.unconfirmedS.toFixed(0)} s of audio were not confirmed by the server.${kept}`,
        action: null,
      };
    default:
      return null;
  }
}

/** Remedies for errors that keep a session from starting or going on, by code. */
const HELP: Readonly<Record<string, string>> = {
  unsupported_language: "Choose another language below and start again.",
  model_unavailable: "In a terminal, livetranslate doctor shows what is missing and the command that mends it.",
  session_busy: "Another window feeds this session now. Start a new one here.",
  unauthorized: "This server asks for credentials; open the page with a valid login.",
  closed_4401: "This server asks for credentials; open the page with a valid login.",
  closed_4403: "Its operator has to allow this page's address (CORS_ORIGINS).",
  closed_1009: "Please report this: the page sent more than it may.",
};

function refused(problem: Problem, { transcript }: CaptionsState): Notice {
  const kept = transcript.captions.length > 0 ? KEPT : "Nothing was recorded.";
  const help = HELP[problem.code] ?? "Start again; if it stays so, the server's log says why.";
  return {
    tone: "error",
    title: sentence(problem.message) || "The server refused the connection.",
    text: `${kept} ${help}`,
    action: null,
  };
}

function troubled(trouble: Trouble): Notice {
  switch (trouble.kind) {
    case "insecure":
      return failure(
        "Browsers give no microphone to this address",
        "Nothing was recorded. Open the page over https, or on this machine as http://localhost. Files work here too.",
      );
    case "microphone":
      return microphone(trouble.name, trouble.message);
    case "file":
      return failure(
        `${trouble.name} cannot be read`,
        trouble.message === "too large"
          ? "It is larger than a page should hold. The command line streams it: livetranslate captions FILE."
          : "The browser finds no audio in it that it can decode. WAV, MP3, FLAC, Ogg and M4A work.",
      );
    case "input_lost":
      return {
        tone: "warning",
        title: trouble.message,
        text: `Everything said until then was captioned. ${KEPT}`,
        action: "dismiss",
      };
    case "platform":
      return {
        tone: "error",
        title: "The server does not answer",
        text: `${sentence(trouble.message)} Is LiveTranslate running? Start it with: livetranslate up.`,
        action: "reload_platform",
      };
  }
}

function microphone(name: string, message: string): Notice {
  switch (name) {
    case "NotAllowedError":
      return failure(
        "The microphone was refused",
        "Nothing was recorded. Allow it beside the address, at the icon left of it, and start again; or drop an audio file here.",
      );
    case "NotFoundError":
      return failure(
        "There is no microphone",
        "Nothing was recorded. Plug one in and start again; or drop an audio file here.",
      );
    case "NotReadableError":
      return failure(
        "The microphone is in use elsewhere",
        "Nothing was recorded. Close the program that holds it and start again.",
      );
    default:
      return failure("The microphone could not be opened", `Nothing was recorded. ${sentence(message)}`);
  }
}

function failure(title: string, text: string): Notice {
  return { tone: "error", title, text, action: "dismiss" };
}

function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

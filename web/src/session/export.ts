import type { Caption } from "./transcript";

/** Returns seconds as `m:ss`, or `h:mm:ss` from an hour on. */
export function clockTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/**
 * Returns the captions as plain text: a line each with time and speaker, its translations
 * indented beneath.
 */
export function asText(captions: readonly Caption[]): string {
  return captions
    .filter((caption) => caption.text !== "")
    .map((caption) => {
      const speaker = caption.speakerName ?? caption.speakerId;
      const who = speaker ? `${speaker}: ` : "";
      const lines = Object.entries(caption.translations)
        .filter(([, translation]) => translation.text !== "")
        .map(([language, translation]) => `    ${language}: ${translation.text}\n`);
      return `[${clockTime(caption.start)}] ${who}${caption.text}\n${lines.join("")}`;
    })
    .join("");
}

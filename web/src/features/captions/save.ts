import { asText } from "../../session/export";
import type { Caption } from "../../session/transcript";

/** Puts the transcript on the clipboard; false if the browser refuses. */
export async function copyText(captions: readonly Caption[]): Promise<boolean> {
  if (captions.length === 0) return false;
  try {
    await navigator.clipboard.writeText(asText(captions));
    return true;
  } catch {
    return false;
  }
}

/** Saves the transcript as a text file. */
export function downloadText(captions: readonly Caption[], at: Date): void {
  const stamp = at.toISOString().slice(0, 16).replace("T", "-").replace(":", "");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asText(captions)], { type: "text/plain" }));
  link.download = `captions-${stamp}.txt`;
  link.click();
  URL.revokeObjectURL(link.href);
}

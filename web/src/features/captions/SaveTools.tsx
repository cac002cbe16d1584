import { useEffect, useState } from "react";
import type { Caption } from "../../session/transcript";
import { IconCopy, IconDownload } from "../../ui/icons";
import { copyText, downloadText } from "./save";

const SHOWN_MS = 1_600;

/** Copies or downloads the transcript. */
export function SaveTools({ captions }: { readonly captions: readonly Caption[] }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => setSaid(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said]);
  if (captions.length === 0) return null;
  const copy = async (): Promise<void> =>
    setSaid((await copyText(captions)) ? "Copied" : "The browser refused");
  return (
    <div className="save">
      <span role="status" className="said">
        {said}
      </span>
      <button type="button" className="tool" onClick={() => void copy()} title="Copy transcript">
        <IconCopy />
        <span className="hidden">Copy transcript</span>
      </button>
      <button
        type="button"
        className="tool"
        onClick={() => downloadText(captions, new Date())}
        title="Download transcript"
      >
        <IconDownload />
        <span className="hidden">Download transcript</span>
      </button>
    </div>
  );
}

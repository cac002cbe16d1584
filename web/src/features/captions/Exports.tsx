import { useState } from "react";
import { languageName } from "../../languages";
import { Popover } from "../../ui/Popover";
import type { CaptionsState } from "./state";

const FORMATS = [
  ["srt", "SRT"],
  ["vtt", "WebVTT"],
  ["txt", "Text"],
  ["md", "Minutes"],
  ["json", "JSON"],
] as const;

/** What was said, as the platform keeps it, in every form it writes; once the session has ended. */
export function Exports({ state }: { readonly state: CaptionsState }) {
  const [chosen, setChosen] = useState("");
  const { captions } = state.transcript;
  if (state.activity !== "done" || captions.length === 0) return null;
  const sessions = [...new Set(captions.map((caption) => caption.sessionId))];
  const languages = [...new Set(captions.flatMap(({ translations }) => Object.keys(translations)))];
  const [language = "", bilingual = ""] = chosen.split("+");
  const known = languages.includes(language);
  const address = (session: string, format: string): string => {
    const query = new URLSearchParams({ format });
    if (known) query.set("language", language);
    if (known && bilingual) query.set("bilingual", "true");
    return `/api/sessions/${encodeURIComponent(session)}/transcript?${query.toString()}`;
  };
  return (
    <Popover name="Export" label={<span>Export</span>}>
      <h3>Export</h3>
      {languages.length > 0 && (
        <label className="field">
          <span>Language</span>
          <select
            className="choice"
            value={known ? chosen : ""}
            onChange={(event) => setChosen(event.target.value)}
          >
            <option value="">As spoken</option>
            {languages.map((code) => [
              <option key={code} value={code}>
                {languageName(code)}
              </option>,
              <option key={`${code}+`} value={`${code}+bilingual`}>
                As spoken, with {languageName(code)}
              </option>,
            ])}
          </select>
        </label>
      )}
      {sessions.map((session, part) => (
        <p className="formats" key={session}>
          {sessions.length > 1 && <span>Part {part + 1}</span>}
          {FORMATS.map(([format, name]) => (
            <a key={format} href={address(session, format)} download={`${session}.${format}`}>
              {name}
            </a>
          ))}
        </p>
      ))}
    </Popover>
  );
}

import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Caption } from "../../session/transcript";
import type { CaptionsController } from "./controller";

/** Asks who a speaker is; the name holds for all that was said and that follows. */
export function SpeakerName({
  caption,
  controller,
  onDone,
}: {
  readonly caption: Caption;
  readonly controller: CaptionsController;
  readonly onDone: () => void;
}) {
  const { sessionId, speakerId, speakerName } = caption;
  const dialog = useRef<HTMLDialogElement>(null);
  const [name, setName] = useState(speakerName ?? "");
  const [saving, setSaving] = useState(false);
  const [refused, setRefused] = useState("");
  useEffect(() => dialog.current?.showModal(), []);

  const save = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (speakerId === null || name.trim() === "") return;
    setSaving(true);
    try {
      await controller.nameSpeaker(sessionId, speakerId, name.trim());
      dialog.current?.close();
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
      setSaving(false);
    }
  };
  return (
    <dialog ref={dialog} className="help name-speaker" aria-label="Name a speaker" onClose={onDone}>
      <h2>Who is {speakerName ?? speakerId}?</h2>
      <form onSubmit={(event) => void save(event)}>
        <label className="field">
          <span>Name</span>
          <input
            className="text"
            value={name}
            maxLength={200}
            required
            aria-describedby="name-refused"
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <p id="name-refused" className="refused" role="alert">
          {refused}
        </p>
        <div className="name-buttons">
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="button" disabled={saving}>
            Save
          </button>
        </div>
      </form>
    </dialog>
  );
}

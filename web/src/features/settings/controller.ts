import {
  type AudioConfiguration,
  ChangeRefused,
  changeAudio,
  Followed,
  type Reason,
  type Setting,
  type SettingsBody,
} from "../../api/configuration";
import { Observable } from "../../observable";
import { type Draft, draftOf, isChanged, presetRequest, requestOf } from "./draft";

const FOLLOW_MS = 2000;

export interface SettingsState {
  readonly audio: AudioConfiguration | null;
  readonly draft: Draft | null;
  readonly settings: readonly Setting[];
  /** Why the last change was refused, by field. */
  readonly reasons: readonly Reason[];
  readonly notice: { readonly kind: "good" | "bad"; readonly text: string } | null;
  readonly saving: boolean;
}

/** Follows the platform's configuration, and changes it. */
export class SettingsController {
  readonly state = new Observable<SettingsState>({
    audio: null,
    draft: null,
    settings: [],
    reasons: [],
    notice: null,
    saving: false,
  });
  readonly #audio = new Followed<AudioConfiguration>("/api/audio/config");
  readonly #settings = new Followed<SettingsBody>("/api/settings");
  #timer: ReturnType<typeof setTimeout> | undefined;

  follow(): void {
    void this.#look().finally(() => {
      this.#timer = setTimeout(() => this.follow(), FOLLOW_MS);
    });
  }

  leave(): void {
    clearTimeout(this.#timer);
  }

  edit(draft: Draft): void {
    this.#set({ draft, notice: null });
  }

  discard(): void {
    const { audio } = this.state.get();
    if (audio) this.#set({ draft: draftOf(audio), reasons: [], notice: null });
  }

  async save(): Promise<void> {
    const { audio, draft } = this.state.get();
    if (audio && draft) await this.#change(requestOf(audio, draft));
  }

  async saveAs(name: string): Promise<void> {
    const { audio, draft } = this.state.get();
    if (audio && draft) await this.#change(presetRequest(audio, draft, name));
  }

  async remove(name: string): Promise<void> {
    const { audio } = this.state.get();
    if (!audio) return;
    const active = audio.preset === name ? { preset: null } : {};
    await this.#change({ version: audio.version, presets: { [name]: null }, ...active });
  }

  async #change(request: object): Promise<void> {
    this.#set({ saving: true, notice: null });
    try {
      const audio = await changeAudio(request);
      const kept = audio.configuration.not_kept;
      const text = kept
        ? `In force everywhere, but not kept in the file: ${kept}`
        : "In force everywhere, from the next moment of every session.";
      this.#set({
        audio,
        draft: draftOf(audio),
        reasons: [],
        notice: { kind: kept ? "bad" : "good", text },
      });
    } catch (error) {
      const refused = error instanceof ChangeRefused ? error : null;
      const text = refused?.reasons.length
        ? "Nothing was changed; each field says why."
        : String(error instanceof Error ? error.message : error);
      this.#set({ reasons: refused?.reasons ?? [], notice: { kind: "bad", text } });
      if (refused?.outdated) await this.#look();
    } finally {
      this.#set({ saving: false });
    }
  }

  async #look(): Promise<void> {
    try {
      const [audio, settings] = await Promise.all([this.#audio.get(), this.#settings.get()]);
      if (settings) this.#set({ settings: settings.settings });
      if (audio) this.#take(audio);
    } catch (error) {
      this.#set({ notice: { kind: "bad", text: error instanceof Error ? error.message : "" } });
    }
  }

  #take(audio: AudioConfiguration): void {
    const { audio: before, draft } = this.state.get();
    const edited = before !== null && draft !== null && isChanged(draft, before);
    if (!edited) {
      this.#set({ audio, draft: draftOf(audio) });
    } else if (audio.version !== before.version) {
      const by = audio.configuration.changed_by ?? "somebody";
      const text = `Changed meanwhile by ${by}; your edits would go on top of that.`;
      this.#set({ audio, notice: { kind: "bad", text } });
    } else {
      this.#set({ audio });
    }
  }

  #set(change: Partial<SettingsState>): void {
    this.state.set({ ...this.state.get(), ...change });
  }
}

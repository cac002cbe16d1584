import workletUrl from "./capture.worklet.ts?worker&url";
import type { CaptureMessage } from "./capture";
import type { AudioSource, SourceHandlers } from "./source";

/** How long the audio thread may take to hand over its last samples, in milliseconds. */
const STOP_TIMEOUT_MS = 500;

/**
 * Sound as it is: what browsers do to make calls pleasant gates quiet speech and bends the rest,
 * which recognisers take badly. The level is still adjusted, for quiet microphones.
 */
const RAW: MediaTrackConstraints = {
  channelCount: 1,
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: true,
};

/** An input that the browser offers. */
export interface Microphone {
  readonly id: string;
  readonly label: string;
}

/** Returns the microphones there are; none before the browser has been allowed to use one. */
export async function listMicrophones(): Promise<readonly Microphone[]> {
  if (!window.isSecureContext || !("mediaDevices" in navigator)) return [];
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId !== "" && label !== "")
    .filter(({ deviceId }) => deviceId !== "default" && deviceId !== "communications")
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}

/** Calls back whenever a device is plugged in or out; returns how to stop that. */
export function watchMicrophones(changed: () => void): () => void {
  if (!("mediaDevices" in navigator)) return () => {};
  navigator.mediaDevices.addEventListener("devicechange", changed);
  return () => navigator.mediaDevices.removeEventListener("devicechange", changed);
}

/** The page was not loaded in a way that lets browsers give it a microphone. */
export class InsecurePage extends Error {}

/**
 * Opens the microphone and captures until it is stopped or taken away.
 *
 * @param id A microphone of `listMicrophones`; the browser's own choice if null or unplugged.
 * @throws InsecurePage on plain http from another machine.
 * @throws DOMException as `getUserMedia` does: refused, missing, in use.
 */
export async function openMicrophone(
  handlers: SourceHandlers,
  id: string | null,
): Promise<AudioSource> {
  if (!window.isSecureContext || !("mediaDevices" in navigator)) throw new InsecurePage();
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: id === null ? RAW : { ...RAW, deviceId: { ideal: id } },
  });
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(workletUrl);
    await context.resume();
  } catch (error) {
    release(stream, context);
    throw error;
  }
  return capture(stream, context, handlers);
}

function capture(
  stream: MediaStream,
  context: AudioContext,
  handlers: SourceHandlers,
): AudioSource {
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  const stopped = Promise.withResolvers<void>();
  node.port.onmessage = ({ data }: MessageEvent<CaptureMessage>) => {
    if (data.kind === "chunk") handlers.chunk(data.pcm);
    else if (data.kind === "level") handlers.level(data.dbfs);
    else stopped.resolve();
  };
  let stopping = false;
  const stop = async (lost: string | null): Promise<void> => {
    if (stopping) return;
    stopping = true;
    node.port.postMessage("stop");
    setTimeout(() => stopped.resolve(), STOP_TIMEOUT_MS);
    await stopped.promise;
    release(stream, context);
    handlers.finished(lost);
  };
  for (const track of stream.getAudioTracks()) {
    track.onended = () => void stop("The microphone was unplugged or taken away.");
  }
  context.createMediaStreamSource(stream).connect(node);
  return { stop: () => stop(null) };
}

function release(stream: MediaStream, context: AudioContext): void {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
  void context.close();
}

import { SAMPLE_RATE, type Samples } from "./format";

/** Bytes above which a file is better streamed from the command line than held in a page. */
export const MAX_FILE_BYTES = 512 * 1024 * 1024;

/**
 * Decodes a file, whatever format and rate the browser knows, to mono samples at 16 kHz.
 *
 * @throws DOMException if the browser cannot decode it.
 */
export async function decodeFile(file: Blob): Promise<Samples> {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  const decoded = await context.decodeAudioData(await file.arrayBuffer());
  const mono = decoded.getChannelData(0).slice();
  for (let channel = 1; channel < decoded.numberOfChannels; channel += 1) {
    const other = decoded.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] = (mono[i] ?? 0) + (other[i] ?? 0);
  }
  return decoded.numberOfChannels > 1 ? mono.map((one) => one / decoded.numberOfChannels) : mono;
}

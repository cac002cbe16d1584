/** Names for speakers, as the platform takes them. */
import { RequestFailed } from "./platform";

/** Says who a speaker of a session is, live or ended; throws RequestFailed with the reason. */
export async function nameSpeaker(
  sessionId: string,
  speakerId: string,
  speakerName: string,
): Promise<void> {
  let response: Response;
  try {
    response = await fetch("/api/audio/correlations", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({
        session_id: sessionId,
        speaker_id: speakerId,
        speaker_name: speakerName,
      }),
    });
  } catch (error) {
    throw new RequestFailed("the server could not be reached", { cause: error });
  }
  if (response.ok) return;
  const problem = (await response.json().catch(() => null)) as { detail?: string } | null;
  throw new RequestFailed(problem?.detail ?? `the server answered ${response.status}`);
}

// The cast of a rehearsal on one page: recordings spoken into a few audio channels that rotate
// between the people, as a meeting's media server sends them; one peer connection to each guest.
import { connect } from "./signalling.js";

const query = new URLSearchParams(location.search);
const code = query.get("code");
const CHANNELS = Number(query.get("channels") ?? 3);
const BITS_A_SECOND = 96_000;
const QUIET = 0.002;
const HOLD_MS = 400;
const READY_MS = 10_000;

const audio = new AudioContext();
const listeners = new Map();
const channels = [];
const voices = new Map();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function voice(id) {
  if (!voices.has(id)) {
    const output = audio.createMediaStreamDestination();
    const analyser = audio.createAnalyser();
    analyser.connect(output);
    voices.set(id, { id, input: analyser, track: output.stream.getAudioTracks()[0], loud: -1e9, on: false });
  }
  return voices.get(id);
}

// Says who speaks by what is really sent.
setInterval(() => {
  for (const one of voices.values()) {
    const samples = new Float32Array(one.input.fftSize);
    one.input.getFloatTimeDomainData(samples);
    const now = performance.now();
    if (samples.some((sample) => Math.abs(sample) > QUIET)) one.loud = now;
    const on = now - one.loud < HOLD_MS;
    if (on !== one.on) {
      one.on = on;
      void room.say({ type: "speaking", id: one.id, on });
    }
  }
}, 80);

async function offer(listener) {
  await listener.peer.setLocalDescription();
  await room.say({ type: "signal", to: listener.id, data: { description: listener.peer.localDescription } });
}

function negotiate(listener) {
  listener.turn = listener.turn.then(async () => {
    const answered = new Promise((resolve) => (listener.answered = resolve));
    await offer(listener);
    await Promise.race([answered, pause(READY_MS)]);
  });
  return listener.turn;
}

function addChannel(listener, channel) {
  const wanted = { direction: "sendonly", sendEncodings: [{ maxBitrate: BITS_A_SECOND }] };
  const track = channel.voice?.track ?? "audio";
  listener.senders.push(listener.peer.addTransceiver(track, wanted).sender);
}

async function listen(id) {
  const peer = new RTCPeerConnection();
  const listener = { id, peer, senders: [], turn: Promise.resolve(), answered: null };
  listeners.set(id, listener);
  peer.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate) void room.say({ type: "signal", to: id, data: { candidate } });
  });
  peer.addEventListener("track", ({ track }) => {
    const video = document.createElement("video");
    video.id = `camera-${id}`;
    video.muted = video.autoplay = true;
    video.srcObject = new MediaStream([track]);
    document.getElementById("cameras").append(video);
  });
  peer.addTransceiver("video", { direction: "recvonly" });
  for (const channel of channels) addChannel(listener, channel);
  await negotiate(listener);
}

function gone(id) {
  listeners.get(id)?.peer.close();
  listeners.delete(id);
  document.getElementById(`camera-${id}`)?.remove();
}

async function signal(id, { description, candidate }) {
  const listener = listeners.get(id);
  if (!listener) return;
  if (candidate) return listener.peer.addIceCandidate(candidate);
  await listener.peer.setRemoteDescription(description);
  listener.answered?.();
}

// A channel for a voice: a new one while there may be more, else the idle one that was used longest
// ago, so that a channel carries many people in turn and a person many channels.
async function channelFor(one) {
  let channel = null;
  if (channels.length < CHANNELS) {
    channel = { voice: one, busy: 0, used: 0 };
    channels.push(channel);
    for (const listener of listeners.values()) addChannel(listener, channel);
    await Promise.all([...listeners.values()].map(negotiate));
  }
  const oldest = [...channels].sort((a, b) => a.used - b.used);
  channel ??= oldest.find((each) => each.busy === 0) ?? oldest[0];
  channel.voice = one;
  channel.busy++;
  channel.used = performance.now();
  const index = channels.indexOf(channel);
  await Promise.all([...listeners.values()].map((each) => each.senders[index].replaceTrack(one.track)));
  return channel;
}

async function connected() {
  const until = performance.now() + READY_MS;
  const ready = () => [...listeners.values()].every((one) => one.peer.connectionState === "connected");
  while (!ready() && performance.now() < until) await pause(50);
}

async function play({ id, url, cue }) {
  const answer = await fetch(url);
  const recording = await audio.decodeAudioData(await answer.arrayBuffer());
  await audio.resume();
  const one = voice(id);
  const channel = await channelFor(one);
  await connected();
  await pause(300);
  const source = new AudioBufferSourceNode(audio, { buffer: recording });
  source.connect(one.input);
  const ended = new Promise((resolve) => source.addEventListener("ended", resolve));
  source.start();
  await room.say({ type: "started", cue });
  await ended;
  channel.busy--;
  await room.say({ type: "played", cue });
}

const takes = {
  listener: ({ id }) => listen(id),
  gone: ({ id }) => gone(id),
  play: (message) => play(message),
  signal: ({ id, data }) => signal(id, data),
};
const room = connect(`/signal/${code}/stage`, async (message) => {
  try {
    await takes[message.type]?.(message);
  } catch (error) {
    await room.say({ type: "failed", cue: message.cue ?? null, reason: String(error) });
  }
});
// What arrives of a guest's camera: frames a second, size, frames in all, and the share of its
// pixels that are bright, as letters are.
window.received = async (id) => {
  const stats = [...((await listeners.get(id)?.peer.getStats())?.values() ?? [])];
  const video = stats.find((one) => one.type === "inbound-rtp" && one.kind === "video");
  const element = document.getElementById(`camera-${id}`);
  const pen = new OffscreenCanvas(320, 180).getContext("2d");
  if (element) pen.drawImage(element, 0, 0, 320, 180);
  const { data } = pen.getImageData(0, 0, 320, 180);
  let bright = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at + 1] > 140) bright++;
  return {
    fps: video?.framesPerSecond ?? 0,
    width: video?.frameWidth ?? 0,
    height: video?.frameHeight ?? 0,
    frames: video?.framesDecoded ?? 0,
    bright: bright / (320 * 180),
  };
};
void room.say({ type: "open" });

// Runs before the page's own scripts: a quiet microphone, a canvas for a camera, and an ear that
// hears every remote audio track. The tracks share one clock: an AudioWorklet with an input each
// mixes them and tells the level of each, in numbered blocks of s16le mono 16 kHz.
(know) => {
  if (window.top !== window || window.livetranslateEar) return;
  const RATE = 16000;
  const BLOCK = 2560;
  const FRAMES = 30;
  const INPUTS = 32;
  const MOST_UNDERWAY = 180;

  const worklet = `
    registerProcessor("livetranslate-ear", class extends AudioWorkletProcessor {
      constructor() {
        super();
        this.clear();
      }
      clear() {
        this.mix = new Float32Array(${BLOCK});
        this.energy = new Float64Array(${INPUTS});
        this.filled = 0;
      }
      process(inputs) {
        for (let index = 0; index < inputs.length; index++) {
          const samples = inputs[index][0];
          if (samples === undefined) continue;
          let energy = 0;
          for (let at = 0; at < samples.length; at++) {
            this.mix[this.filled + at] += samples[at];
            energy += samples[at] * samples[at];
          }
          this.energy[index] += energy;
        }
        this.filled += 128;
        if (this.filled >= ${BLOCK}) {
          const pcm = new Int16Array(${BLOCK});
          for (let at = 0; at < ${BLOCK}; at++) {
            pcm[at] = Math.max(-1, Math.min(1, this.mix[at])) * 32767;
          }
          const levels = Array.from(this.energy, (sum) => Math.sqrt(sum / ${BLOCK}));
          this.port.postMessage({ pcm: pcm.buffer, levels }, [pcm.buffer]);
          this.clear();
        }
        return true;
      }
    });`;

  const heard = new Map();
  const known = new WeakSet();
  const free = Array.from({ length: INPUTS }, (_, index) => index);
  let context = null;
  let node = null;
  let seq = 0;
  let underway = 0;
  let tracks = 0;
  let missed = 0;

  const base64 = (buffer) => {
    let text = "";
    const bytes = new Uint8Array(buffer);
    for (let at = 0; at < bytes.length; at += 0x2000) {
      text += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
    }
    return btoa(text);
  };

  const speaking = () => {
    const found = [];
    for (const tile of document.querySelectorAll(know.participant)) {
      if (know.speaking.some((mark) => tile.matches(mark) || tile.querySelector(mark))) {
        found.push(tile.getAttribute(know.participantId));
      }
    }
    return [...new Set(found)];
  };

  const sources = (receiver) =>
    receiver
      .getContributingSources()
      .filter((one) => performance.timeOrigin + performance.now() - one.timestamp < 1000)
      .map((one) => String(one.source));

  const block = ({ data }) => {
    const number = seq++;
    if (underway >= MOST_UNDERWAY) {
      missed++;
      return;
    }
    const channels = [];
    for (const [track, one] of heard) {
      const level = data.levels[one.input];
      if (level > 1e-5) channels.push({ track, level, sources: sources(one.receiver) });
    }
    underway++;
    const done = () => underway--;
    window
      .livetranslateBlock(
        JSON.stringify({ seq: number, pcm: base64(data.pcm), channels, speaking: speaking() }),
      )
      .then(done, done);
  };

  const start = async () => {
    context = new AudioContext({ sampleRate: RATE, latencyHint: "playback" });
    const code = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
    await context.audioWorklet.addModule(code);
    URL.revokeObjectURL(code);
    node = new AudioWorkletNode(context, "livetranslate-ear", {
      numberOfInputs: INPUTS,
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    node.port.onmessage = block;
    await context.resume();
  };

  let started = null;
  const ready = () => (started ??= start());
  const take = async (track, receiver) => {
    if (track.kind !== "audio" || known.has(track)) return;
    known.add(track);
    const name = `${track.id}#${tracks++}`;
    await ready();
    const input = free.shift();
    if (input === undefined || track.readyState === "ended") return;
    const stream = new MediaStream([track]);
    // Chromium hands a remote track's audio on only while an element plays it.
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => {});
    const source = context.createMediaStreamSource(stream);
    source.connect(node, 0, input);
    heard.set(name, { track, input, receiver, element, source });
    track.addEventListener("ended", () => forget(track));
  };

  const forget = (track) => {
    for (const [name, one] of heard) {
      if (one.track !== track) continue;
      one.source.disconnect();
      one.element.srcObject = null;
      heard.delete(name);
      free.push(one.input);
    }
  };

  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(...given) {
      super(...given);
      void ready(); // before the first track, of which not a word is to be missed
      this.addEventListener("track", (event) => take(event.track, event.receiver));
    }
    close() {
      super.close();
      for (const receiver of this.getReceivers()) forget(receiver.track);
    }
  };

  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 720;
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillRect(0, 0, canvas.width, canvas.height);
  let camera = null;
  let beat = 0;
  const video = () => {
    if (camera === null) {
      camera = canvas.captureStream(FRAMES).getVideoTracks()[0];
      // A canvas that nobody draws on sends nothing, and is taken for a frozen camera.
      setInterval(() => {
        pen.fillStyle = beat++ % 2 ? "#000000" : "#010101";
        pen.fillRect(0, 0, 1, 1);
      }, 1000 / FRAMES);
    }
    return camera.clone();
  };
  const draw = async ({ png, left, top, width, height }) => {
    const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    pen.fillStyle = "#000000";
    pen.fillRect(left, top, width, height);
    pen.drawImage(picture, left, top);
    picture.close();
  };
  const silence = () => {
    const quiet = new AudioContext();
    return quiet.createMediaStreamDestination().stream.getAudioTracks()[0];
  };
  if (navigator.mediaDevices) {
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = new MediaStream();
      if (wanted?.audio) stream.addTrack(silence());
      if (wanted?.video) stream.addTrack(video());
      return stream;
    };
  }
  window.livetranslateEar = {
    draw,
    state: () => ({ blocks: seq, missed, tracks: heard.size, running: context?.state ?? "none" }),
  };
}

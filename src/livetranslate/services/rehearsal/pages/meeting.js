// A guest's page: a name, the lobby, the call, and the words at its end.
import { connect } from "./signalling.js";

const ENDINGS = {
  refused: "Someone in the call denied your request to join",
  unanswered: "No one responded to your request to join the call",
  removed: "You've been removed from the meeting",
  ended: "The meeting has ended",
  left: "You left the meeting",
  lost: "You left the meeting due to network issues",
  unknown: "Check your meeting code",
};
const code = location.pathname.slice(1);
const devices = { microphone: true, camera: true };
let own = null;
let room = null;
let camera = null;
let peer = null;
let people = [];
let speaking = new Set();
let over = false;

function show(name) {
  for (const main of document.querySelectorAll("main")) main.hidden = main.id !== name;
}

function end(word) {
  if (over) return;
  over = true;
  peer?.close();
  document.getElementById("why").textContent = ENDINGS[word];
  show("gone");
}

function drawDevices() {
  for (const place of document.querySelectorAll(".devices")) {
    const buttons = Object.keys(devices).map((device) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `Turn ${devices[device] ? "off" : "on"} ${device}`);
      button.textContent = `${device} ${devices[device] ? "on" : "off"}`;
      button.addEventListener("click", () => {
        devices[device] = !devices[device];
        drawDevices();
        void sendCamera();
      });
      return button;
    });
    place.replaceChildren(...buttons);
  }
}

function drawPeople() {
  const tiles = people.map(({ id, name }) => {
    const tile = document.createElement("div");
    tile.setAttribute("role", "listitem");
    tile.setAttribute("data-participant-id", id);
    tile.setAttribute("aria-label", name);
    tile.setAttribute("data-speaking", String(speaking.has(id)));
    if (id === own) tile.setAttribute("data-is-self", "true");
    tile.textContent = name;
    return tile;
  });
  document.getElementById("people").replaceChildren(...tiles);
}

async function sendCamera() {
  const sender = peer?.getTransceivers().find((one) => one.receiver.track.kind === "video")?.sender;
  if (!sender) return;
  if (devices.camera && camera === null) {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true }).catch(() => null);
    camera = stream?.getVideoTracks()[0] ?? null;
  }
  await sender.replaceTrack(devices.camera ? camera : null);
}

function makePeer() {
  peer = new RTCPeerConnection();
  peer.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate) void room.say({ type: "signal", data: { candidate } });
  });
  peer.addEventListener("track", ({ track }) => {
    if (track.kind !== "audio") return;
    const player = new Audio();
    player.srcObject = new MediaStream([track]);
    void player.play().catch(() => {});
  });
}

async function signal({ description, candidate }) {
  if (peer === null) makePeer();
  if (candidate) return peer.addIceCandidate(candidate);
  await peer.setRemoteDescription(description);
  for (const one of peer.getTransceivers()) {
    if (one.receiver.track.kind === "video") one.direction = "sendonly";
  }
  await sendCamera();
  await peer.setLocalDescription();
  await room.say({ type: "signal", data: { description: peer.localDescription } });
}

let turn = Promise.resolve();
const takes = {
  lobby: () => show("lobby"),
  admitted: ({ id }) => {
    own = id;
    drawPeople();
    show("call");
  },
  people: (message) => {
    people = message.people;
    drawPeople();
  },
  speaking: ({ ids }) => {
    speaking = new Set(ids);
    for (const tile of document.querySelectorAll("[data-participant-id]")) {
      tile.dataset.speaking = String(speaking.has(tile.dataset.participantId));
    }
  },
  signal: ({ data }) => {
    turn = turn.then(() => signal(data)).catch(console.error);
  },
};

function knock() {
  const name = document.getElementById("name").value.trim();
  if (!name) return;
  room = connect(`/signal/${code}`, (message) => {
    const take = takes[message.type];
    if (take) take(message);
    else end(message.type);
  });
  room.closed(() => end("lost"));
  void room.say({ type: "knock", name });
}

drawDevices();
document.getElementById("join").addEventListener("click", knock);
document.getElementById("again").addEventListener("click", () => location.reload());
for (const button of document.querySelectorAll(".leave")) {
  button.addEventListener("click", () => {
    void room?.say({ type: "leave" });
    end("left");
  });
}
const known = await fetch(`/rooms/${code}`);
if (known.ok) show("prejoin");
else end("unknown");

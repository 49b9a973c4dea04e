// Recordings: skip, speed, jump to mm:ss, and keys while the player has the focus. Without script the native controls remain.

const KEYS = { j: -10, l: 10, ",": -1, ".": 1 };

function seconds(text) {
  if (!/^\s*\d+(:[0-5]?\d){0,2}\s*$/.test(text)) return null;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

function move(audio, time) {
  const go = () => (audio.currentTime = Math.max(0, Math.min(time, audio.duration || time)));
  if (audio.readyState > 0) return go();
  audio.addEventListener("loadedmetadata", go, { once: true });
  audio.preload = "metadata";
  audio.load();
}

function toggle(audio) {
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

function onKey(audio, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  const key = event.key.toLowerCase();
  if (key === " " && event.target.matches("button")) return;
  if (key === " " || key === "k") toggle(audio);
  else if (key in KEYS) move(audio, audio.currentTime + KEYS[key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function enhance(audio) {
  const player = audio.closest(".player");
  const jump = player.querySelector("[data-jump]");
  const speed = player.querySelector("[data-speed]");
  for (const part of player.querySelectorAll("[hidden]")) part.hidden = false;
  for (const button of player.querySelectorAll("[data-skip]")) {
    button.addEventListener("click", () => move(audio, audio.currentTime + Number(button.dataset.skip)));
  }
  speed.addEventListener("change", () => (audio.playbackRate = Number(speed.value)));
  jump.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const time = seconds(jump.value);
    if (time === null) jump.setAttribute("aria-invalid", "true");
    else jump.removeAttribute("aria-invalid"), move(audio, time);
  });
  player.addEventListener("keydown", (event) => onKey(audio, event), true);
  const start = seconds(new URLSearchParams(location.hash.slice(1)).get("t") ?? "");
  if (start !== null) move(audio, start);
}

document.querySelectorAll("audio[data-player]").forEach(enhance);

// Recordings: skip, speed, jump to mm:ss, repeat, waveform, bookmarks, places that seek, and keys while the player has the focus.
// Without script the native controls remain, places load the page anew (?t=), and bookmarks are typed.

const KEYS = { j: -10, l: 10, ",": -1, ".": 1 };

function seconds(text) {
  if (!/^\s*\d+(:[0-5]?\d){0,2}(\.\d+)?\s*$/.test(text)) return null;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

function clock(time) {
  const whole = Math.floor(time);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return whole < 3600 ? `${Number(parts[0])}:${parts[1]}` : [Math.floor(whole / 3600), ...parts].join(":");
}

// Moves at once, or as soon as the length is known; `where` gets it and gives the time.
function moveTo(media, where) {
  const go = () => (media.currentTime = Math.max(0, where(media.duration)));
  if (media.readyState > 0) return go();
  media.addEventListener("loadedmetadata", go, { once: true });
  media.preload = "metadata";
  media.load();
}

function move(media, time) {
  moveTo(media, (length) => Math.min(time, length || time));
}

function toggle(media) {
  if (media.paused) media.play().catch(() => {});
  else media.pause();
}

function onKey(media, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
  const key = event.key.toLowerCase();
  if (key === " " && event.target.matches("button")) return;
  if (key === " " || key === "k") toggle(media);
  else if (key in KEYS) move(media, media.currentTime + KEYS[key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function repeat(media, button) {
  const off = button.textContent;
  let from = null;
  let to = null;
  button.addEventListener("click", () => {
    if (from === null) from = media.currentTime;
    else if (to === null && media.currentTime > from) (to = media.currentTime), move(media, from);
    else from = to = null;
    button.textContent = from === null ? off : to === null ? button.dataset.from : button.dataset.on;
  });
  media.addEventListener("timeupdate", () => {
    if (to !== null && media.currentTime >= to) media.currentTime = from;
  });
}

function fromAddress(media) {
  const time = seconds(new URLSearchParams(location.hash.slice(1)).get("t") ?? "");
  if (time !== null) move(media, time);
}

function enhance(media) {
  const player = media.closest(".player");
  const jump = player.querySelector("[data-jump]");
  const speed = player.querySelector("[data-speed]");
  for (const part of player.querySelectorAll("[hidden]")) part.hidden = false;
  for (const button of player.querySelectorAll("[data-skip]")) {
    button.addEventListener("click", () => move(media, media.currentTime + Number(button.dataset.skip)));
  }
  speed.addEventListener("change", () => (media.playbackRate = Number(speed.value)));
  jump.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const time = seconds(jump.value);
    if (time === null) jump.setAttribute("aria-invalid", "true");
    else jump.removeAttribute("aria-invalid"), move(media, time);
  });
  repeat(media, player.querySelector("[data-loop]"));
  player.addEventListener("keydown", (event) => onKey(media, event), true);
  addEventListener("hashchange", () => fromAddress(media));
  fromAddress(media);
}

// The waveform comes when somebody plays or asks for it: seeing it is opening the recording. A click in it seeks.
function wave(media, box) {
  const head = document.createElement("span");
  const show = (event) => {
    if (event?.type === "click") event.preventDefault();
    media.removeEventListener("play", show);
    const image = box.querySelector("img") ?? Object.assign(new Image(), { alt: box.dataset.alt, src: box.dataset.wave });
    image.addEventListener("error", () => box.remove());
    image.addEventListener("click", (event) => {
      const share = event.offsetX / image.clientWidth;
      moveTo(media, (length) => share * length);
    });
    box.replaceChildren(image, head);
  };
  media.addEventListener("play", show);
  media.addEventListener("timeupdate", () => (head.style.insetInlineStart = `${(100 * media.currentTime) / (media.duration || Infinity)}%`));
  const link = box.querySelector("a");
  if (link) link.addEventListener("click", show);
  else show();
}

// A place seeks in the page that is there; its address stays one that can be passed on.
function seeks(media) {
  document.addEventListener("click", (event) => {
    const place = event.target.closest("a[data-seek]");
    if (!place || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", new URL(place.href).hash);
    move(media, Number(place.dataset.seek));
  });
}

// The row of a new bookmark, made like those that the server made, in its place among them.
function insert(box, made) {
  const row = box.querySelector("template").content.firstElementChild.cloneNode(true);
  const place = row.querySelector("a");
  const form = row.querySelector("form");
  const at = clock(made.position_ms / 1000);
  const words = [at, made.label, made.made_by, made.label, at];
  row.querySelectorAll("bdi").forEach((one, number) => (one.textContent = words[number]));
  row.dataset.at = made.position_ms;
  place.dataset.seek = made.position_ms / 1000;
  place.href = `?t=${at}#t=${at}`;
  form.action = form.getAttribute("action").replace(/[0-]{36}/, made.id);
  const list = document.querySelector("[data-bookmarks]");
  const later = [...list.children].find((other) => Number(other.dataset.at) > made.position_ms);
  list.insertBefore(row, later ?? null);
}

// A new bookmark is added without leaving the page, so the sound goes on; if that fails, the form goes as it would anyway.
function bookmarks(media, box) {
  const form = box.querySelector("form");
  const { at, label } = form.elements;
  const here = form.querySelector("[data-here]");
  const status = form.querySelector("[data-said]");
  here.hidden = false;
  here.addEventListener("click", () => {
    at.value = clock(media.currentTime);
    label.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    status.textContent = "";
    const body = JSON.stringify({ at: at.value, label: label.value });
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const answer = await fetch(box.dataset.newBookmark, { method: "POST", headers, body }).catch(() => null);
    if (!answer?.ok) return form.submit();
    insert(box, await answer.json());
    document.querySelector("[data-none]")?.remove();
    at.value = label.value = "";
    status.textContent = status.dataset.said;
  });
}

const media = document.querySelector("[data-player]");
if (media) {
  enhance(media);
  seeks(media);
  const drawn = document.querySelector("[data-wave]");
  if (drawn) wave(media, drawn);
  const box = document.querySelector("[data-new-bookmark]");
  if (box) bookmarks(media, box);
}

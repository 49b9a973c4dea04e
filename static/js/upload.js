// Files on the pages for new files and for a further version: chosen or dropped, queued, gone on with. What one file shows
// is upload-row.js, how it is sent tus.js; both come with the first file. Nothing is kept in the browser. Without script
// the form works alone.

const AT_ONCE = 2;
const page = document.querySelector("[data-uploads]");
const form = page.querySelector("form");
const input = form.querySelector("input[type=file]");
const list = form.querySelector("[data-files]");
const submit = form.querySelector("button:not([type])");
const [leave, done] = form.querySelectorAll("[data-leave], [data-done]");
const fields = form.querySelector("[data-each]");
const rows = [];
const desk = { fields, rows, survey };
let parts = null;
let lock = null;

// The other modules, fetched once somebody needs them; when the line is away, as soon as it is there.
async function fetched() {
  for (;;) {
    try {
      const [row, tus] = await Promise.all([import(page.dataset.row), import(page.dataset.tus)]);
      return { ...row, ...tus };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
  }
}

function load() {
  parts ??= fetched();
  return parts;
}

// Chosen files: those that an unfinished upload waits for go on with it, the others are described first.
async function take(files) {
  const { aloud, digest, fingerprint, Refused, Row, Sending } = await load();
  const { bundle, document: versionOf, limit, sending: place } = page.dataset;
  const duplicates = bundle && `/api/v1/bundles/${bundle}/duplicates`;
  for (const file of files) {
    const mark = await fingerprint(file).catch(() => undefined);
    if (mark && rows.some((row) => row.sending.said.fingerprint === mark && !row.sending.isOver)) {
      aloud("said-again", { file: file.name });
      continue;
    }
    if (!input.multiple) rows.filter((row) => row.sending.state === "described").forEach((row) => row.leave());
    const said = { ...(versionOf ? { document: versionOf } : bundle ? { bundle } : {}), filename: file.name, fingerprint: mark };
    const sending = new Sending(file, said, duplicates, place);
    sending.wasAsked = rows.some((row) => mark && row.sending.said.fingerprint === mark);
    const row = new Row(desk, sending, mark && (await waitingFor(mark, file, digest)));
    if (mark === undefined) row.refuse(new Refused("unreadable"));
    else if (file.size > limit) row.refuse(new Refused("large"));
    rows.push(row);
    list.append(row.item);
    row.show();
  }
}

// What the page lists of this very file. Two files may have one mark; where all of it was announced, all is compared.
async function waitingFor(mark, file, digest) {
  const item = document.querySelector(`[data-upload][data-fingerprint="${mark}"][data-length="${file.size}"]`);
  const whole = item?.dataset.digest && (await digest(file).catch(() => null));
  return whole && whole !== item.dataset.digest ? null : item;
}

// Something changed: whoever waits and may begin begins; buttons, guard and screen follow.
function survey() {
  const free = AT_ONCE - rows.filter((row) => row.sending.isActive).length;
  const next = rows.filter((row) => row.sending.state === "waiting").slice(0, Math.max(0, free));
  next.forEach((row) => row.sending.start());
  const states = rows.map((row) => row.sending.state);
  list.hidden = !rows.length;
  submit.hidden = rows.length > 0 && !states.includes("described");
  done.hidden = states.every((state) => state === "described");
  leave.hidden = !done.hidden;
  done.classList.toggle("primary", submit.hidden && rows.every((row) => row.sending.isOver));
  stayAwake(rows.some((row) => row.sending.isActive));
}

function stayAwake(isWanted) {
  if (isWanted && !lock && document.visibilityState === "visible") {
    lock = navigator.wakeLock?.request("screen").catch(() => null) ?? null;
    lock?.then((held) => held?.addEventListener("release", () => (lock = null)));
  } else if (!isWanted && lock) {
    lock.then((held) => held?.release());
    lock = null;
  }
}

function nudge() {
  rows.forEach((row) => row.sending.nudge());
  survey();
}

// An upload that waits from before: only the very file that was begun goes on.
function enhance(item) {
  const again = item.querySelector("[data-again]");
  if (item.dataset.state === "checking") fetch(item.dataset.upload, { headers: { Accept: "application/json" } });
  if (!again) return;
  const picker = document.createElement("input");
  picker.type = "file";
  picker.addEventListener("change", async () => {
    const { aloud, digest, fingerprint, say } = await load();
    const [file] = picker.files;
    const mark = await fingerprint(file).catch(() => null);
    if (mark && (await waitingFor(mark, file, digest)) === item) return take([file]);
    item.querySelector("[data-detail]").replaceChildren(say("wrong-file"));
    picker.value = "";
    return aloud("wrong-file");
  });
  again.addEventListener("click", () => picker.click());
  again.hidden = false;
}

// Every chosen file that is described well enough joins the queue; the first that is not gets the focus.
async function queue() {
  const wanted = rows.filter((row) => row.sending.state === "described").map((row) => row.confirm());
  wanted.find(Boolean)?.focus();
  const field = input.closest(".field");
  if (rows.length || field.querySelector("[data-word]")) return;
  const { say } = await load();
  field.append(say("none"));
  input.focus();
}

function begin() {
  fields?.remove();
  form.querySelector("[data-plain]").hidden = true;
  form.querySelector("[data-scripted]").hidden = false;
  document.querySelectorAll("[data-upload]").forEach(enhance);
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
    input.closest(".field").querySelector("[data-word]")?.remove();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    queue();
  });
  for (const kind of ["dragover", "drop"]) page.addEventListener(kind, (event) => event.preventDefault());
  page.addEventListener("drop", (event) => take([...event.dataTransfer.files].slice(0, input.multiple ? undefined : 1)));
  addEventListener("online", nudge);
  addEventListener("focus", nudge);
  document.addEventListener("visibilitychange", nudge);
  addEventListener("beforeunload", (event) => {
    if (rows.some((row) => !row.sending.isOver)) event.preventDefault();
  });
  setInterval(() => rows.filter((row) => row.sending.until).forEach((row) => row.show()), 1000);
}

begin();

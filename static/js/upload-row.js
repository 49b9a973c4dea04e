// What the page for uploads shows of one file: its fields, its state in words, what can be done with it. All words come
// from the page's templates; sizes and names are isolated there. Sending itself is tus.js.

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const page = document.querySelector("[data-uploads]");
const live = page.querySelector("[data-live]");
const words = page.querySelector("template[data-words]").content;
const language = document.documentElement.lang;
const { bundle, document: versionOf } = page.dataset;
const guesses = JSON.parse(page.dataset.guesses ?? "{}");
const recordings = JSON.parse(page.dataset.recordings ?? "[]");
let count = 0;

function number(value, options = {}) {
  return new Intl.NumberFormat(language, { numberingSystem: "latn", ...options }).format(value);
}

// `unit` is how often it is divided by 1000; without `named`, the number alone.
function size(bytes, unit = unitOf(bytes), named = true) {
  const value = bytes / 1000 ** unit;
  const figures = number(value, { maximumFractionDigits: unit && value < 99.95 ? 1 : 0 });
  return isolated(named ? `${figures} ${UNITS[unit]}` : figures, "size");
}

function unitOf(bytes) {
  return Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1) * 1.0005) / 3)));
}

function time(seconds) {
  const [value, unit] = seconds < 60 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return isolated(number(Math.max(1, Math.round(value)), { style: "unit", unit, unitDisplay: "short" }));
}

function isolated(text, kind = "") {
  const one = document.createElement("bdi");
  one.className = kind;
  if (kind) one.dir = "ltr";
  one.textContent = text;
  return one;
}

// A copy of the words called so, with what stands in braces put in.
export function say(word, values = {}) {
  const copy = words.querySelector(`[data-word="${word}"]`).cloneNode(true);
  const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) if (texts.currentNode.data.includes("{")) found.push(texts.currentNode);
  for (const text of found) {
    const parts = text.data.split(/\{(\w+)\}/);
    text.replaceWith(...parts.map((part, at) => (at % 2 ? (values[part]?.cloneNode?.(true) ?? values[part] ?? "") : part)));
  }
  return copy;
}

export function aloud(word, values) {
  live.textContent = say(word, values).textContent;
}

export class Row {
  // `desk` has the page's own `fields`, all `rows`, and `survey`, which is called after every change. `waiting` is what the
  // page said of an upload that this file goes on with.
  constructor(desk, sending, waiting = null) {
    this.number = count += 1;
    Object.assign(this, { desk, sending, file: sending.file, tenth: 0 });
    this.item = page.querySelector("template[data-row]").content.cloneNode(true).firstElementChild;
    this.slots = (name) => this.item.querySelector(`[data-${name}]`);
    this.name = isolated(waiting?.querySelector("[data-name]").textContent ?? this.file.name);
    for (const slot of this.item.querySelectorAll("[data-name]")) slot.textContent = this.name.textContent;
    this.slots("name").id = `n-${count}`;
    this.item.querySelector("[role=group]").setAttribute("aria-labelledby", `n-${count}`);
    this.slots("size").append(size(this.file.size));
    this.slots("bar").setAttribute("aria-label", say("bar", { file: this.name }).textContent);
    sending.tell = () => this.show();
    if (waiting) this.take(waiting);
    else if (desk.fields) this.describe();
    this.item.addEventListener("click", (event) => this.act(event.target.closest("[data-do]")?.dataset.do));
  }

  take(waiting) {
    this.sending.url = waiting.dataset.upload;
    this.sending.offset = waiting.querySelector("progress").value;
    this.sending.state = "waiting";
    const section = waiting.closest("section");
    waiting.remove();
    section.hidden = !section.querySelector("li");
  }

  // The form's own fields, once more for this file.
  describe() {
    const fields = this.desk.fields.cloneNode(true);
    for (const name of ["id", "for", "aria-describedby"]) {
      for (const one of fields.querySelectorAll(`[${name}]`)) one.setAttribute(name, `${one.getAttribute(name)}-${this.number}`);
    }
    this.fixed = fields.querySelector("[data-fixed]");
    this.later = fields.querySelector("[data-later]");
    this.slots("fields").append(this.fixed);
    if (this.later) {
      const more = document.createElement("details");
      const summary = document.createElement("summary");
      summary.textContent = say("more").textContent;
      more.append(summary, this.later);
      this.slots("fields").append(more);
    }
    this.type = this.fixed.querySelector("select");
    this.people = [...this.fixed.querySelectorAll("input")];
    const guess = guesses[this.file.name.split(".").pop().toLowerCase()];
    const last = this.desk.rows.findLast((row) => row.type)?.type.value;
    if (this.type.options.length > 1) this.type.value = guess ?? (recordings.includes(last) ? "" : (last ?? ""));
    if (guess && this.people.length === 1) this.people[0].checked = true;
    this.type.addEventListener("change", () => this.spread());
    this.fixed.addEventListener("change", () => this.complain());
    this.later?.addEventListener("change", () => this.amend());
  }

  // What was chosen last holds for the files below that have no type yet.
  spread() {
    this.isChosen = true;
    if (recordings.includes(this.type.value)) return;
    const { rows } = this.desk;
    for (const row of rows.slice(rows.indexOf(this) + 1)) {
      if (row.fixed?.isConnected && !row.isChosen && !recordings.includes(row.type.value)) row.type.value = this.type.value;
    }
  }

  // What is still wanted of this file, at its field; without a word, nothing.
  complain(word = "") {
    this.fixed.querySelectorAll(".fault").forEach((one) => one.remove());
    for (const one of [this.type, ...this.people]) ["aria-invalid", "aria-describedby"].forEach((name) => one.removeAttribute(name));
    if (!word) return null;
    const culprit = (word === "individuals" && this.people[0]) || this.type;
    const fault = say(word);
    fault.id = `w-${this.number}`;
    culprit.closest(".field").append(fault);
    culprit.setAttribute("aria-invalid", "true");
    culprit.setAttribute("aria-describedby", fault.id);
    return culprit;
  }

  // Into the queue; or the field that is still wanted.
  confirm() {
    const { said } = this.sending;
    if (this.fixed) {
      const named = this.people.filter((one) => one.checked);
      if (!this.type.value) return this.complain("type");
      if (recordings.includes(this.type.value) && !named.length) return this.complain("individuals");
      said.document_type = this.type.value;
      said.individuals = named.map((one) => one.value).join(",");
      if (this.later) Object.assign(said, this.read());
      const facts = [this.type.selectedOptions[0].textContent, ...named.map((one) => one.nextElementSibling.firstElementChild.cloneNode(true))];
      this.slots("facts").replaceChildren(...facts.flatMap((one, at) => (at ? [" · ", one] : [one])));
      this.slots("facts").hidden = false;
      this.fixed.remove();
    }
    this.sending.state = "waiting";
    this.show();
    return null;
  }

  read() {
    const value = (name) => this.later.querySelector(`[name=${name}]`).value.trim();
    return { language: value("language"), title: value("title") };
  }

  // Language and title may be given while the bytes move, and after: they are changed in the document.
  async amend() {
    const { state, said, document: id } = this.sending;
    if (!this.later || !id || state !== "stored") return;
    const wanted = this.read();
    const change = {};
    if (wanted.language !== said.language) change.language = wanted.language || null;
    if (wanted.title !== said.title) change.title = wanted.title || this.file.name;
    if (!Object.keys(change).length) return;
    const body = JSON.stringify(change);
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    let problem = {};
    try {
      const answer = await fetch(`/api/v1/documents/${id}`, { method: "PATCH", headers, body });
      if (!answer.ok) problem = { why: (await answer.json()).detail ?? "" };
    } catch {
      problem = { why: "" };
    }
    if (!("why" in problem)) Object.assign(said, wanted);
    this.slots("detail").replaceChildren("why" in problem ? say("detail-unsaved", problem) : say("detail-saved"));
  }

  act(name) {
    const { sending } = this;
    if (name === "pause") sending.halt();
    else if (name === "cancel" && sending.offset && !sending.isOver) {
      sending.halt();
      this.ask("detail-sure");
    } else if (["cancel", "remove", "drop"].includes(name)) this.cancel();
    else if (name === "resume" && sending.isActive) sending.nudge(true);
    else if (name === "resume") sending.state = "waiting";
    else if (name === "keep" || name === "version") this.decide(name);
    if (name) this.show();
    if (name === "resume" || name === "pause") this.focus();
  }

  decide(name) {
    const { said, known } = this.sending;
    this.sending.keep = true;
    if (name === "version") {
      for (const key of ["bundle", "document_type", "individuals", "language", "title"]) delete said[key];
      said.document = known.document;
      this.later = null;
      this.slots("fields").replaceChildren();
      this.slots("facts").replaceChildren(isolated(known.title));
    }
    this.sending.state = "waiting";
    this.focus();
  }

  cancel() {
    const { rows } = this.desk;
    this.sending.remove();
    (rows[rows.indexOf(this) + 1]?.slots("acts").querySelector(":not([hidden])") ?? page.querySelector("input[type=file]")).focus();
  }

  focus() {
    this.slots("acts").querySelector("button:not([hidden])")?.focus();
  }

  ask(word) {
    this.shown = word;
    this.slots("detail").replaceChildren(say(word, this.values));
  }

  refuse(refusal) {
    this.sending.refusal = refusal;
    this.sending.state = "refused";
  }

  get values() {
    const { offset, known, refusal, until, rate } = this.sending;
    const whole = this.file.size;
    const unit = unitOf(whole);
    const left = rate ? time((whole - offset) / rate) : null;
    return {
      file: this.name,
      percent: number(Math.floor((100 * offset) / whole) / 100, { style: "percent" }),
      done: size(offset, unit, false),
      all: size(whole, unit),
      time: until ? time(Math.max(1, (until - Date.now()) / 1000)) : left,
      title: known?.title,
      version: known && number(known.version),
      why: refusal && (refusal.message || (refusal.word && say(refusal.word, { size: size(Number(page.dataset.limit)) }).textContent)),
    };
  }

  show() {
    const { state, offset, rate, until } = this.sending;
    if (state === "stopped") return this.leave();
    const values = this.values;
    const word = state === "sending" && rate ? "timed" : state;
    this.slots("state").replaceChildren(...(state === "described" ? [] : [say(word, values)]));
    const bar = this.slots("bar");
    bar.hidden = ["described", "stored", "duplicate"].includes(state) || (!offset && state !== "sending");
    bar.value = this.file.size ? offset / this.file.size : 0;
    this.explain(state, values, state === "paused" || until ? offset : 0);
    const offered = {
      pause: ["sending", "waiting", "reading", "checking"].includes(state),
      resume: ["paused", "offline", "busy", "signed-out", "locked"].includes(state),
      cancel: !["stored", "duplicate", "stopping", "refused"].includes(state),
      drop: state === "refused",
    };
    for (const [name, isOffered] of Object.entries(offered)) this.offer(name, isOffered);
    if (state === "stored") this.arrive();
    if (state === "refused") this.slots("fields").replaceChildren();
    this.announce(state, values);
    this.desk.survey();
    return null;
  }

  offer(name, isOffered) {
    const button = this.slots("acts").querySelector(`[data-do="${name}"]`);
    const hadFocus = !isOffered && document.activeElement === button;
    button.hidden = !isOffered;
    if (hadFocus) this.focus();
  }

  // What stands under the file is written anew only when it changes, so that a link keeps the focus.
  explain(state, values, offset) {
    const word = `detail-${state}`;
    if (this.shown === "detail-sure" && state === "paused") return;
    if (state === this.before && (this.explained === offset || state === "stored")) return;
    this.explained = offset;
    const known = words.querySelector(`[data-word="${word}"]`);
    this.shown = word;
    this.slots("detail").replaceChildren(...(known ? [say(word, values)] : []));
    if (state === "duplicate" && versionOf) this.slots("detail").querySelector('[data-do="version"]').remove();
    if (state === "stored" && this.sending.sameAs && !this.sending.keep) this.slots("detail").append(say("detail-same"));
  }

  arrive() {
    const open = this.slots("open");
    if (!open.hidden || !this.sending.document) return;
    open.hidden = false;
    open.href = `/documents/${this.sending.document}`;
    this.amend();
  }

  announce(state, values) {
    const tenth = Math.floor((10 * this.sending.offset) / this.file.size);
    if (state === "stored" && this.before !== state) aloud("said-stored", values);
    else if (state === "refused" && this.before !== state) aloud("said-refused", values);
    else if (["offline", "signed-out", "locked"].includes(state) && this.before !== state) aloud("said-paused", values);
    else if (state === "sending" && tenth > this.tenth) aloud("said-sent", values);
    this.tenth = tenth;
    this.before = state;
  }

  leave() {
    const { rows, survey } = this.desk;
    rows.splice(rows.indexOf(this), 1);
    this.item.remove();
    survey();
    return null;
  }
}

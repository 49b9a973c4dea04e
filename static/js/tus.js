// One file on its way in, by tus 1.0: pieces that fit the line, each acknowledged by the server, gone on with after
// whatever breaks. No page here: whoever made a Sending is told when something changed, and says it in words.

const KIB = 1024;
const MIB = KIB * KIB;
const LEAST = 64 * KIB;
const FIRST = 256 * KIB;
const MOST = 16 * MIB;
const CHECKED = 4 * MIB; // the server holds a piece with a checksum in memory, and takes no larger one
const DIGESTED = 256 * MIB; // a whole file is read into memory to make its SHA-256
const QUICK = 5; // seconds: pieces take between these
const SLOW = 15;
const BACK_OFF = [1, 2, 5, 15, 60];
const LOOKS = 30; // times we look by ourselves whether somebody signed in or unlocked; then we wait to be nudged
const TUS = { "Tus-Resumable": "1.0.0", Accept: "application/json" };
const FILES = "/files/";
const HALTED = Symbol("halted");

export class Refused extends Error {
  constructor(word, why = "") {
    super(why);
    this.word = word;
  }
}

async function sha256(content) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", content));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

// By which a file is known again: SHA-256 of its size, a line feed, its first and its last MiB. Null where the page is not
// a secure context.
export async function fingerprint(file) {
  if (!crypto.subtle) return null;
  const last = file.slice(Math.max(0, file.size - MIB));
  return hex(await sha256(await new Blob([`${file.size}\n`, file.slice(0, MIB), last]).arrayBuffer()));
}

// SHA-256 of a file that is not too large for it, else null.
export async function digest(file) {
  return crypto.subtle && file.size <= DIGESTED ? hex(await sha256(await file.arrayBuffer())) : null;
}

function metadata(said) {
  const pairs = Object.entries(said).filter(([, value]) => value);
  return pairs.map(([key, value]) => `${key} ${base64(new TextEncoder().encode(value))}`).join(",");
}

export class Sending {
  // `said` is the metadata of the upload, `duplicates` where a bundle is asked whether it has a content already (nobody asks
  // without), `files` where uploads are made. `tell` is called after every change of `state`, `offset` or `until`.
  constructor(file, said, duplicates, files = FILES) {
    Object.assign(this, { file, said, duplicates, files, tell() {}, state: "described", offset: 0, url: null, rate: 0, until: null });
    Object.assign(this, { refusal: null, known: null, keep: false, document: null, sameAs: null });
    this.size = FIRST;
    this.patience = 0; // pieces that must arrive before pieces grow again
    this.tries = 0;
    this.looks = 0;
    this.isSure = false; // whether `offset` is what the server holds
    this.stopped = new AbortController();
    this.running = Promise.resolve();
  }

  get isActive() {
    return ["reading", "sending", "checking", "offline", "busy", "signed-out", "locked"].includes(this.state);
  }

  get isOver() {
    return ["stored", "refused", "stopped"].includes(this.state);
  }

  // Send, or go on, until it is stored, refused, halted, or a duplicate wants a decision.
  start() {
    this.state = this.url || this.keep ? "sending" : "reading";
    const stopped = (this.stopped = new AbortController());
    this.running = this.running.then(() => stopped.signal.aborted || this.#run());
  }

  // Try at once what is being waited for; without `always`, not what the server asked to wait for.
  nudge(always = false) {
    this.looks = 0;
    if (always || this.state !== "busy") this.wake?.();
  }

  halt(state = "paused") {
    this.stopped.abort();
    this.#become(state);
  }

  // Nothing of it stays on the server.
  remove() {
    this.halt("stopping");
    this.running = this.running.then(async () => {
      this.stopped = new AbortController();
      try {
        if (!this.url && this.wasAsked) await this.#find();
        while (this.url && !(await this.#ask("DELETE", this.url)));
      } catch (error) {
        if (error === HALTED) return;
      }
      this.#become("stopped");
    });
  }

  async #run() {
    this.isSure = false;
    try {
      if (!this.url && !this.keep) await this.#look();
      this.#become("sending");
      while (!this.url) await this.#create();
      while (this.state !== "stored") {
        if (!this.isSure) await this.#locate();
        else if (this.offset < this.file.size) await this.#send();
        else await this.#settle();
      }
    } catch (error) {
      if (error === HALTED) return;
      if (!(error instanceof Refused)) error = new Refused(error?.name === "NotReadableError" ? "unreadable" : "failed");
      this.refusal = error;
      this.#become("refused");
    }
  }

  // Whether the bundle has this content already; then somebody decides before a byte is sent.
  async #look() {
    this.#become("reading");
    this.said.sha256 = await digest(this.file);
    if (!this.said.sha256 || !this.duplicates) return;
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ sha256: this.said.sha256 });
    let answer = null;
    while (!answer) answer = await this.#ask("POST", this.duplicates, headers, body);
    const known = await answer.json();
    if (!known.document) return;
    this.known = known;
    this.#become("duplicate");
    throw HALTED;
  }

  async #create() {
    if (this.wasAsked) await this.#find();
    if (this.url) return;
    this.wasAsked = true;
    const headers = { "Upload-Length": this.file.size, "Upload-Metadata": metadata(this.said) };
    const answer = await this.#ask("POST", this.files, headers);
    if (!answer) return;
    this.url = new URL(answer.headers.get("Location"), location.href).pathname;
    this.isSure = true;
  }

  // A creation whose answer was lost is taken up instead of made twice.
  async #find() {
    if (!this.said.fingerprint) return;
    const answer = await this.#ask("GET", this.files);
    const items = answer ? (await answer.json()).items : [];
    const { bundle, document = null, fingerprint: mark } = this.said;
    const isFor = (one) => !bundle && !document || (one.document === document && (document || one.bundle === bundle));
    const found = items.find((one) => one.fingerprint === mark && one.length === this.file.size && isFor(one));
    if (found) this.url = this.files + found.id;
  }

  async #locate() {
    if (this.isLocked && !(await this.#isOpen())) return;
    const answer = await this.#ask("HEAD", this.url);
    if (!answer) return;
    this.isSure = true;
    this.#acknowledged(Number(answer.headers.get("Upload-Offset")));
  }

  // Names are told only while the bundle is open; so no piece is sent in vain to learn it.
  async #isOpen() {
    const answer = await this.#ask("GET", this.url);
    if (!answer) return false;
    this.isLocked = (await answer.json()).file_name === null;
    if (this.isLocked) await this.#lookAgain("locked");
    this.#become("sending");
    return !this.isLocked;
  }

  async #send() {
    const piece = this.file.slice(this.offset, this.offset + this.size);
    const headers = { "Upload-Offset": this.offset, "Content-Type": "application/offset+octet-stream" };
    let body = piece;
    if (piece.size <= CHECKED && crypto.subtle) {
      body = await piece.arrayBuffer();
      headers["Upload-Checksum"] = `sha256 ${base64(await sha256(body))}`;
    }
    const begun = performance.now();
    this.isSure = false;
    const answer = await this.#ask("PATCH", this.url, headers, body);
    if (!answer) return;
    this.isSure = true;
    this.#measure(piece.size, (performance.now() - begun) / 1000);
    this.#acknowledged(Number(answer.headers.get("Upload-Offset")));
    if (answer.headers.get("Casevault-State") !== "stored") return;
    this.document = answer.headers.get("Casevault-Document");
    this.sameAs = answer.headers.get("Casevault-Same-As");
    this.#become("stored");
  }

  // All has come: it is checked, and then a document; or it says why not.
  async #settle() {
    this.#become("checking");
    const answer = await this.#ask("GET", this.url);
    if (!answer) return;
    const page = await answer.json();
    if (page.state === "receiving") this.isSure = false;
    if (page.state === "checking") await this.#sleep(3);
    if (page.state === "refused") throw ended(page.reason);
    if (page.state !== "stored") return;
    this.document = page.document;
    this.sameAs = page.same_as;
    this.#become("stored");
  }

  #acknowledged(offset) {
    if (offset > this.offset) this.tries = 0;
    this.offset = offset;
    this.#become("sending");
  }

  #measure(bytes, seconds) {
    const rate = bytes / Math.max(seconds, 0.001);
    this.rate = this.rate ? 0.7 * this.rate + 0.3 * rate : rate;
    if (bytes < this.size) return;
    if (seconds < QUICK && this.patience-- > 0) return;
    if (seconds >= QUICK && seconds <= SLOW) return;
    const wanted = Math.min(rate * ((QUICK + SLOW) / 2), this.size * 4);
    this.size = Math.max(LEAST, Math.min(MOST, Math.round(wanted / LEAST) * LEAST));
  }

  // A good answer; or null, when something was in the way and was waited for. What no waiting mends is thrown.
  async #ask(method, url, headers = {}, body = undefined) {
    const before = this.state;
    const seconds = this.rate ? Math.max(45, (5 * this.size) / this.rate) : 240;
    const signal = AbortSignal.any([this.stopped.signal, AbortSignal.timeout(seconds * 1000)]);
    let answer;
    try {
      answer = await fetch(url, { method, headers: { ...TUS, ...headers }, body, signal });
      this.#check();
      if (answer.ok) return answer;
      const problem = await answer.json().catch(() => ({}));
      await this.#heed(answer, problem.type?.split("/").pop(), problem);
    } catch (error) {
      this.#check();
      if (error instanceof Refused || error === HALTED) throw error;
      if (body instanceof Blob) await body.slice(0, 1).arrayBuffer(); // a file that cannot be read is no broken line
      if (method === "PATCH") [this.size, this.patience] = [Math.max(LEAST, this.size / 2), 4];
      await this.#wait("offline", BACK_OFF[Math.min(this.tries++, BACK_OFF.length - 1)]);
    }
    this.#become(before);
    return null;
  }

  async #heed(answer, code, problem) {
    const { status } = answer;
    const again = Number(answer.headers.get("Retry-After")) || BACK_OFF[Math.min(this.tries, BACK_OFF.length - 1)];
    this.isLocked = code === "bundle-locked" && Boolean(this.url);
    if (status === 401) return this.#lookAgain("signed-out");
    if (code === "bundle-locked") return this.#lookAgain("locked");
    if (code === "wrong-offset") return this.#sleep(0.2);
    if (status === 410) throw ended(await this.#reason());
    if (["upload-busy", "wrong-checksum", "failed"].includes(code) || [429, 502, 503, 504].includes(status)) {
      this.tries += 1;
      return this.#wait("busy", again);
    }
    throw new Refused("", problem.detail || problem.title || "");
  }

  #lookAgain(state) {
    return this.#wait(state, this.looks++ < LOOKS ? 10 : null);
  }

  async #reason() {
    const answer = await fetch(this.url, { headers: TUS, signal: this.stopped.signal });
    return answer.ok ? (await answer.json()).reason : null;
  }

  async #wait(state, seconds) {
    this.until = seconds === null ? null : Date.now() + seconds * 1000;
    this.#become(state);
    await this.#sleep(seconds);
    this.until = null;
  }

  // So long, or until nudged; without a number, until nudged.
  async #sleep(seconds) {
    await new Promise((resolve) => {
      this.wake = resolve;
      this.stopped.signal.addEventListener("abort", resolve, { once: true });
      if (seconds !== null) setTimeout(resolve, seconds * 1000);
    });
    this.#check();
  }

  #check() {
    if (this.stopped.signal.aborted) throw HALTED;
  }

  #become(state) {
    this.state = state;
    this.tell(this);
  }
}

function ended(reason) {
  return new Refused({ conflict: "changed", stopped: "ended", abandoned: "ended" }[reason] ?? (reason ? "failed" : "ended"));
}

// Passkeys: one button makes or uses one, and its answer goes into the form, which is sent. Nothing is asked by itself.
//
// data-passkey="make" or "use" on the button; data-options holds what the browser needs, else data-challenge is where it
// is fetched. The form has an input named by data-field, and by data-question for the id of a fetched question.

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function readable(options) {
  const named = (known) => known.map((each) => ({ ...each, id: bytes(each.id) }));
  const read = { ...options, challenge: bytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: bytes(options.user.id) };
  if (options.excludeCredentials) read.excludeCredentials = named(options.excludeCredentials);
  if (options.allowCredentials) read.allowCredentials = named(options.allowCredentials);
  return read;
}

function written(credential) {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = text(credential.response[part]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response });
}

async function asked(button) {
  if (button.dataset.options) return { options: JSON.parse(button.dataset.options) };
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const answer = await fetch(button.dataset.challenge, { method: "POST", headers, body: "{}" });
  if (!answer.ok) throw new Error(answer.status);
  const found = await answer.json();
  return { options: JSON.parse(found.options), question: found.question };
}

async function answered(button) {
  const { options, question } = await asked(button);
  const publicKey = readable(options);
  const makes = button.dataset.passkey === "make";
  const credential = await (makes
    ? navigator.credentials.create({ publicKey })
    : navigator.credentials.get({ publicKey }));
  const form = button.form;
  form.elements[button.dataset.field].value = written(credential);
  if (question) form.elements[button.dataset.question].value = question;
  form.submit();
}

for (const button of document.querySelectorAll("button[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  button.hidden = false;
  const failed = button.form.querySelector("[data-failed]");
  button.addEventListener("click", async () => {
    failed.hidden = true;
    button.disabled = true;
    try {
      await answered(button);
    } catch {
      failed.hidden = button.disabled = false;
    }
  });
}

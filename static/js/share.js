// The recipient's page: the secret after # goes into the form and out of the address bar. Nothing is sent by itself. A secret
// that was cut off on its way is said to be.

const field = document.querySelector('input[name="secret"]');

function takeSecret() {
  const secret = location.hash.slice(1);
  if (!field || !secret || document.getElementById(secret)) return;
  field.value = secret;
  for (const language of document.querySelectorAll(".languages a")) language.hash = secret;
  history.replaceState(null, "", location.pathname + location.search);
  const isWhole = /^[\w-]{43}$/.test(secret);
  const cut = document.querySelector("[data-cut]");
  if (cut) cut.hidden = isWhole;
  const row = field.closest("[data-from-link]") ?? field.closest(".field");
  if (row) row.hidden = isWhole;
  const next = document.querySelector("form input:not([type=hidden], [name=secret]), form button");
  (isWhole ? next : field)?.focus();
}

takeSecret();
addEventListener("hashchange", takeSecret);

// The page works without this script; with it, what would become of the values is shown while they are written.
"use strict";

const form = document.getElementById("form");
let asked = 0;
let waiting;

// offerCopy shows the button that only a script can serve.
function offerCopy() {
  const button = document.getElementById("copy");
  const manifest = document.getElementById("manifest");
  if (!button || !manifest || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const copied = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(manifest.textContent);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "The browser does not let this page copy; select the text, please.";
    }
  });
}

// update asks for the page of the values that are written, and takes over what it says of them.
async function update() {
  const number = ++asked;
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") query.append(name, value);
  const target = form.action + (query.size ? "?" + query : "");
  let text;
  try {
    const answer = await fetch(target, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    text = await answer.text();
  } catch {
    return; // the form can still be sent
  }
  if (number !== asked) return;
  const page = new DOMParser().parseFromString(text, "text/html");
  document.getElementById("result").replaceWith(page.getElementById("result"));
  for (const input of form.querySelectorAll("[aria-describedby]")) {
    const next = page.getElementById(input.id);
    if (!next || next.name !== input.name) continue;
    const hint = document.getElementById(input.getAttribute("aria-describedby"));
    const fresh = page.getElementById(next.getAttribute("aria-describedby"));
    if (hint && fresh) hint.replaceWith(fresh);
    input.closest(".field").classList.toggle("wrong", next.hasAttribute("aria-invalid"));
    input.toggleAttribute("aria-invalid", next.hasAttribute("aria-invalid"));
  }
  // A list has room for one more element than there are.
  for (const list of form.querySelectorAll("fieldset.list")) {
    const fresh = page.getElementById(list.id);
    const have = list.querySelectorAll(":scope > .element").length;
    for (const element of fresh ? [...fresh.querySelectorAll(":scope > .element")].slice(have) : []) {
      list.insertBefore(document.importNode(element, true), list.lastElementChild);
    }
  }
  history.replaceState(null, "", target);
  offerCopy();
  offerRemove();
}

// offerRemove gives each element of a list but the last, which is room for another one, a button that empties it.
function offerRemove() {
  for (const list of form.querySelectorAll("fieldset.list")) {
    const elements = [...list.querySelectorAll(":scope > .element")];
    for (const element of elements.slice(0, -1)) {
      if (element.querySelector(":scope > .remove")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "remove";
      button.textContent = "Remove " + element.querySelector("legend, label").textContent;
      button.addEventListener("click", () => {
        for (const input of element.querySelectorAll("input, select, textarea")) input.value = "";
        element.hidden = true;
        update();
        list.querySelector(":scope > .element:last-of-type").querySelector("input, select, textarea").focus();
      });
      element.append(button);
    }
  }
}

offerCopy();
if (form) {
  offerRemove();
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 250);
  });
}

// Runs the page's own script in Node.js, on elements that hold what is written into them.
// node console_page.js ADDRESS LANGUAGE: prints what the page shows, a line of JSON for each change;
// a line on stdin is the name of an element that is clicked, or submitted where it is a form.
"use strict";
const [address, language] = process.argv.slice(2);
const elements = {};

class Element {
  dataset = {};
  children = [];
  listeners = {};
  textContent = "";
  value = "";
  addEventListener(kind, listener) { this.listeners[kind] = listener; }
  append(...more) { this.children.push(...more); }
  replaceChildren(...others) { this.children = others; }
  act() { (this.listeners.click ?? this.listeners.submit)({ preventDefault() {} }); }
}

globalThis.Option = class {};
globalThis.navigator = { language };
globalThis.document = {
  documentElement: new Element(),
  getElementById: (id) => (elements[id] ??= new Element()),
  querySelectorAll: () => [],
  createElement: () => new Element(),
};
const fetchAnywhere = globalThis.fetch;
globalThis.fetch = (path, options) => fetchAnywhere(address + path, options);

function seen() {
  const shown = (id) => document.getElementById(id).textContent;
  return JSON.stringify({
    state: shown("state"), ready: shown("ready"), problem: shown("problem"),
    steps: document.getElementById("steps").children.map((step) => step.textContent),
  });
}

async function main() {
  const page = await (await fetch("/")).text();
  document.getElementById("robot").value = "robot-1";
  (0, eval)(/<script>(.*?)<\/script>/s.exec(page)[1]);
  process.stdin.on("data", (lines) => String(lines).split("\n").filter(Boolean).forEach((id) => elements[id].act()));
  for (let last = ""; ;) {
    if (seen() !== last) console.log(last = seen());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

main();

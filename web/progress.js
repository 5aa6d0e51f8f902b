// progress.js - asks the server once a second what it is doing, and loads the page anew when it is ready.
const what = document.getElementById("what");
const bar = document.getElementById("bar");
const detail = document.getElementById("detail");

const sentences = {
  "computing feature maps": "Looking at the pictures",
  "reading images": "Reading the pictures",
  "reading texts": "Reading the texts",
  "training": "Learning what belongs together",
  "comparing files": "Looking for what has changed",
  "encoding": "Indexing the pictures",
  "compacting": "Making tables for quick search",
};

function show(state) {
  const sentence = sentences[state.stage] || (state.stage ? state.stage : "The collection is being opened");
  const isCounted = state.total > 0;
  const count = isCounted ? `: ${state.done.toLocaleString()} of ${state.total.toLocaleString()}` : "";
  what.textContent = `${sentence}${state.stage === "training" && isCounted ? `: ${Math.floor(100 * state.done / state.total)} %` : count}.`;
  if (isCounted) {
    bar.max = state.total;
    bar.value = state.done;
  } else {
    bar.removeAttribute("value");
  }
  const parts = state.detail.split(/ {2,}/); // as "epoch 2/5  ...  4 s left"
  const rest = parts[parts.length - 1];
  detail.textContent = parts[0] + (parts.length > 1 && rest.endsWith("left") ? `, ${rest}` : "");
}

async function ask() {
  try {
    const state = await (await fetch("v1/progress", { cache: "no-store" })).json();
    if (state.is_ready) {
      location.reload();
      return;
    }
    show(state);
  } catch {
    what.textContent = "The server does not answer. It may have ended; what it printed says why. This page goes on asking.";
    bar.removeAttribute("value");
  }
  setTimeout(ask, 1000);
}

ask();

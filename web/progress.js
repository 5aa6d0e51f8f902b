// progress.js - asks the server once a second what it is doing, and loads the page anew when it is ready.

import { say, startLanguage } from "./language.js";

const what = document.getElementById("what");
const bar = document.getElementById("bar");
const detail = document.getElementById("detail");

const stages = {
    "computing feature maps": () => say("making_features"),
    "reading images": () => say("making_images"),
    "reading texts": () => say("making_texts"),
    "training": () => say("making_learning"),
    "comparing files": () => say("making_comparing"),
    "waiting for another process": () => say("making_waiting"),
    "encoding": () => say("making_indexing"),
    "compacting": () => say("making_compacting"),
};

function timeLeft(seconds) {
    if (seconds < 120) return say("making_left", { n: seconds });
    return seconds < 7200 ? say("making_left_minutes", { n: Math.round(seconds / 60) }) : say("making_left_hours", { n: Math.round(seconds / 3600) });
}

// "epoch 2/5  ...  4 s left" as a sentence; anything else stays as the server says it.
function showDetail(told) {
    const epoch = /^epoch (\d+)\/(\d+)/.exec(told), left = /(\d+) s left$/.exec(told);
    const told_epoch = epoch && say("making_epoch", { n: Number(epoch[1]), of: Number(epoch[2]) });
    const told_left = left && timeLeft(Number(left[1]));
    detail.translate = !!epoch;
    detail.textContent = !epoch ? told.split(/ {2,}/)[0] : left ? say("making_epoch_left", { epoch: told_epoch, left: told_left }) : told_epoch;
}

function show({ stage = "", done = 0, total = 0, detail: told = "" }) {
    const name = stages[stage]?.() ?? (stage || say("making_opened"));
    what.translate = !stage || stage in stages;
    what.textContent = !(total > 0) ? say("making_what", { what: name })
        : stage === "training" ? say("making_share", { what: name, percent: Math.floor((100 * done) / total) })
        : say("making_count", { what: name, done, total });
    if (total > 0) {
        bar.max = total;
        bar.value = done;
    } else bar.removeAttribute("value");
    showDetail(told);
}

let last = { stage: "", total: 0, detail: "" };

async function ask() {
    try {
        last = await (await fetch("v1/progress", { cache: "no-store" })).json();
        if (last.is_ready) return location.reload();
        show(last);
    } catch {
        what.translate = true;
        what.textContent = say("making_silent");
        bar.removeAttribute("value");
    }
    return setTimeout(ask, 1000);
}

startLanguage(() => show(last));
show(last);
ask();

// timeline.js - a bar of the years, months or days that pictures were taken in, under what else narrows the answer, to click.
//
// At first there are months, or years where those are many; a year leads to its months, a month to its days. It comes behind the first answer
// and is asked for again only when what narrows it changes.

import { dateText, following } from "./dates.js";
import { say } from "./language.js";
import { $, go, NARROWS } from "./page.js";
import { askJson, make } from "./parts.js";

const MONTHS_MOST = 36;
const SLOTS_MOST = 400; // with those in which nothing was taken

let shown = ""; // what narrows the bar that is there

// Steps of a date that are in order become one.
function byYear(steps) {
    const years = [];
    for (const { date, n } of steps) {
        const year = date.slice(0, 4);
        if (years.at(-1)?.date === year) years.at(-1).n += n;
        else years.push({ date: year, n });
    }
    return years;
}

// With those between them in which nothing was taken.
function filled(steps) {
    const all = [];
    for (const step of steps) {
        for (let date = all.length ? following(all.at(-1).date) : step.date; date < step.date; date = following(date)) {
            if (all.length > SLOTS_MOST) return steps;
            all.push({ date, n: 0 });
        }
        all.push(step);
    }
    return all;
}

function slot({ date, n }, largest, state) {
    if (!n) return make("li", { "aria-hidden": "true" });
    const name = say("timeline_step", { date: dateText(date), n });
    const button = make("button", { type: "button", title: name, "aria-label": name, "aria-pressed": state.after === date }, make("i"));
    button.firstChild.style.blockSize = `${Math.round(8 + 92 * (n / largest))}%`;
    button.addEventListener("click", () => go({ after: date, before: following(date) }));
    return make("li", {}, button);
}

function barOf(steps, state) {
    const months = new Set(steps.map(({ date }) => date.slice(0, 7))).size;
    const told = filled(months > MONTHS_MOST ? byYear(steps) : steps);
    if (told.length < 2) return []; // nothing to choose from
    const largest = Math.max(...told.map(({ n }) => n));
    return [make("ol", {}, ...told.map((step) => slot(step, largest, state))),
            make("p", { class: "soft", "aria-hidden": "true" }, make("span", {}, dateText(told[0].date)), make("span", {}, dateText(told.at(-1).date)))];
}

// Beside the results of a query it opens, so that they do not jump; without a query it stands on the page.
export async function showTimeline(state, signal, again) {
    const parameters = new URLSearchParams();
    for (const label of state.labels) parameters.append("label", label);
    for (const name of NARROWS) if (state[name]) parameters.set(name, state[name]);
    const about = `${state.kind ? "query" : "all"} ${parameters}`;
    const [place, other] = state.kind ? [$("when"), $("timeline")] : [$("timeline"), $("when")];
    const bar = place.querySelector(".timeline");
    if (about !== shown || again) {
        parameters.set("step", state.after.length > 4 && state.before ? "day" : "month");
        const { steps } = await askJson("v1/timeline", { parameters, signal });
        if (signal.aborted) return;
        const had_focus = bar.contains(document.activeElement);
        bar.replaceChildren(...barOf(steps, state));
        if (had_focus) (bar.querySelector("button") ?? $("results")).focus({ preventScroll: true });
        shown = about;
    }
    place.hidden = !bar.children.length;
    other.hidden = true;
}

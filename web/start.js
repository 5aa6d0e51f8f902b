// start.js - the first visit: what this is, what was asked before, and examples.

import { say } from "./language.js";
import { $, defaultTo, links, page } from "./page.js";
import { blank, button, itemImage, make } from "./parts.js";
import { search } from "./results.js";

// ---------------------------------------------------------------- what was asked before

const N_REMEMBERED = 12;
const remembered = () => JSON.parse(localStorage.getItem("adah-asked") ?? "[]").filter((each) => typeof each === "string");

// Words that found something, the newest first; words that grew while they were typed are one.
export function remember(q) {
    const others = remembered().filter((each, i) => each !== q && !(i === 0 && q.startsWith(each)));
    localStorage.setItem("adah-asked", JSON.stringify([q, ...others].slice(0, N_REMEMBERED)));
}

function askedBefore() {
    const asked = remembered();
    if (!asked.length) return null;
    const part = make("section", { class: "asked", "aria-labelledby": "asked-title" }, make("h2", { id: "asked-title" }, say("asked_title")),
                      make("ul", { class: "chips" }, ...asked.map((q) => make("li", {}, make("a", { class: "chip", href: links.words(q), "data-go": true, translate: "no" }, q)))));
    part.append(button(say("asked_forget"), () => {
        localStorage.removeItem("adah-asked");
        part.remove();
        $("words").focus();
    }, "plain"));
    return part;
}

// ---------------------------------------------------------------- the page without a query

export async function showStart(signal) {
    page.shown = { query: "", answer: "" };
    const { index, model } = page.info;
    for (const id of ["query", "more"]) $(id).hidden = true;
    $("results").replaceChildren();
    $("start").hidden = false;
    const ask_with = !model.takes_text ? say("start_ask_picture") : !model.takes_images ? say("start_ask_words") : say("start_ask_both");
    const lead = [say("start_holds", { n: index.n_records }), ask_with, say("start_codes", { n: model.n_bits }),
                  model.takes_images ? say("start_give") : ""];
    const examples = make("ul", { class: "examples", "aria-label": say("start_examples") });
    const ways = make("p", { class: "actions" }, index.n_image_codes > 1 ? make("a", { class: "plain", href: links.duplicates(), "data-go": true }, say("start_duplicates")) : null,
                      page.info.can_add_pictures ? button(say("start_add"), () => $("files").click()) : null);
    $("start").replaceChildren(make("h1", {}, say("start_title")), make("p", { class: "lead" }, lead.join(" ")), askedBefore() ?? "", examples, ways);
    if (!model.takes_text) return;
    // Labels whose words the model knows, each with the picture it finds. One question tells which are known.
    const state = { kind: "q", to: defaultTo(), labels: [], k: 1 };
    const labels = index.labels.slice(0, 24);
    const { query } = await search({ ...state, q: labels.join(" ") }, signal).catch(() => ({ query: {} }));
    const known = new Set((query.words ?? []).filter((each) => each.known).map((each) => each.word.toLowerCase()));
    const asked = labels.filter((label) => label.toLowerCase().split(/\s+/).every((word) => known.has(word))).slice(0, 8);
    const found = await Promise.all(asked.map((label) =>
        search({ ...state, q: label, labels: [label] }, signal).then(({ hits }) => ({ label, hit: hits[0] })).catch(() => null)));
    if (signal.aborted) return;
    for (const { label, hit } of found.filter((each) => each?.hit)) {
        const link = make("a", { href: links.words(label), "data-go": true });
        if (page.info.has_pictures && hit.has_picture) link.append(itemImage(hit, 200, blank(), { alt: "" }));
        link.append(make("span", { translate: "no" }, label));
        examples.append(make("li", {}, link));
    }
}

// duplicates.js - pictures that are there twice: groups of them, where some can be chosen and deleted. app.js loads it for ?show=duplicates.

import { chooser, showChosen } from "./chosen.js";
import { tell } from "./errors.js";
import { say } from "./language.js";
import { $, go, page } from "./page.js";
import { askJson, blank, button, fileName, itemImage, make } from "./parts.js";
import { viewLink } from "./results.js";

const N_GROUPS = 200; // at a time: when some are deleted, others come

// 1 is the same code and vector; what is less is a copy that differs, or two photos of one moment.
const likeWords = (likeness) => (likeness > 0.9995 ? say("dup_same") : likeness > 0.85 ? say("dup_near") : say("dup_like"));

function card(item, is_first) {
    const name = fileName(item);
    const picture = page.info.has_pictures && item.has_picture ? itemImage(item, 320, blank(name)) : blank(name)();
    return make("li", { "data-id": item.id }, make("div", { class: "main" }, picture), page.info.has_pictures && item.has_picture ? viewLink(item) : null, chooser(item),
                make("div", { class: "about" }, make("p", { class: "caption", translate: "no" }, item.file_name || name),
                     make("p", { class: "distance" }, is_first ? say("dup_first") : likeWords(item.likeness))));
}

function heading(group) {
    const others = button(say("dup_choose"), () => {
        for (const item of group.slice(1)) page.chosen.set(item.id, item);
        showChosen();
    }, "plain");
    return make("li", { class: "group" }, make("h2", {}, say("dup_group", { n: group.length })), others);
}

export async function showDuplicates(signal) {
    for (const id of ["start", "query", "options", "more", "marked"]) $(id).hidden = true;
    $("results").className = "grid";
    const { n_groups, n_images, groups } = await askJson("v1/duplicates", { parameters: new URLSearchParams({ k: Math.min(N_GROUPS, page.info.limits.k_max) }), signal });
    if (signal.aborted) return;
    if (!groups.length) return tell(say("dup_none"), say("dup_none_why"), [button(say("way_start"), () => go({ q: "" }))]);
    page.results = groups.flat();
    $("results").replaceChildren(make("li", { class: "group" }, make("h1", { id: "query-title", tabindex: "-1" }, say("dup_title")),
                                      make("p", { class: "soft" }, say("dup_found", { n: n_groups, images: n_images }))),
                                 ...groups.flatMap((group) => [heading(group), ...group.map((item, i) => card(item, i === 0))]));
    showChosen();
}

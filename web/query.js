// query.js - what is asked, above the results: a picture with its mask and the words that fit it, an item, or how much each word counts.

import { tellError } from "./errors.js";
import { say } from "./language.js";
import { $, links, page } from "./page.js";
import { ask, askJson, bar, blank, button, itemImage, itemUrl, make, pictureUrl } from "./parts.js";
import { chips, placeChips } from "./results.js";

async function openPicture(event, id) {
    if (!sessionStorage.getItem("adah-token")) return; // the link does it
    event.preventDefault();
    const tab = window.open("", "_blank");
    try {
        tab.location = URL.createObjectURL(await (await ask(pictureUrl(id))).blob());
    } catch (error) {
        tab.close();
        tellError(error);
    }
}

function openLink(item) {
    const link = make("a", { class: "plain", href: pictureUrl(item.id), target: "_blank", rel: "noopener", title: say("query_open") }, say("query_open"));
    link.addEventListener("click", (event) => openPicture(event, item.id));
    return link;
}

export async function showQuery(state, signal) {
    const panel = $("query");
    if (state.kind === "q") { // its words come with the answer
        panel.replaceChildren();
        panel.hidden = true;
        return;
    }
    const side = make("div", { class: "facts" });
    const masked = state.kind === "picture" && page.info.model.has_attention;
    const figure = make("figure", { class: masked ? "masked" : null });
    let tags;
    if (state.kind === "picture") {
        const picture = page.pictures.get(state.picture);
        side.append(make("h1", { id: "query-title" }, say("query_picture")));
        const frame = make("div", { class: "frame" }, make("img", { src: picture.url, alt: say("query_picture_alt") }));
        figure.append(frame);
        tags = { body: picture.blob, parameters: new URLSearchParams({ n: 10 }) };
        if (masked) showMask(frame, figure, picture.blob, signal, "v1/attention");
        else if (page.info.model.takes_images) figure.append(evidenceButton(frame, figure, picture.blob, signal));
    } else {
        const item = await askJson(itemUrl(state.id), { signal });
        const other = state.by === "image" ? "text" : "image";
        side.append(make("h1", { id: "query-title", tabindex: "-1" }, say("query_like")),
                    item.text ? make("p", { class: "caption", translate: "no" }, item.text) : null, chips(item.labels), placeChips(item));
        const actions = make("p", { class: "actions" });
        if (page.info.has_pictures && item.has_picture) {
            figure.append(make("div", { class: "frame" }, itemImage(item, 320, blank(), { eager: true })));
            actions.append(openLink(item));
        }
        if (item[`${other}_code`] && item[`${state.by}_code`])
            actions.append(make("a", { class: "plain", "data-go": true, href: links.item(state.id, other) },
                                other === "image" ? say("query_by_picture") : say("query_by_text")));
        side.append(actions, make("p", { class: "soft", translate: "no" }, item.file_name || say("query_item", { id: String(item.id) })));
        if (item.image_code) tags = { body: { id: Number(state.id), n: 10 } };
    }
    if (tags && page.info.model.takes_text && page.info.index.n_text_codes) showTags(side, tags, signal);
    panel.replaceChildren(...(figure.children.length ? [figure] : []), side);
    panel.hidden = false;
}

async function showTags(side, request, signal) {
    const place = make("div", { class: "tags" });
    side.append(place);
    const { tags } = await askJson("v1/tags", { ...request, signal }).catch(() => ({ tags: [] }));
    if (!tags.length) return;
    place.append(make("h2", {}, say("query_tags")), make("ul", { class: "words" }, ...tags.map(({ word, weight }) =>
        make("li", {}, make("a", { href: links.words(word), "data-go": true, translate: "no" }, word, bar(weight))))));
}

// The mask laid over the picture: what is left out is dark, with a light edge. A mask is small (7 x 7, say), so its values
// are interpolated between the middles of the cells, and the edge is where they pass one half.
function drawMask({ n_height, n_width, mask }) {
    const side = 32; // of a cell, in pixels of the canvas
    const canvas = make("canvas", { width: n_width * side, height: n_height * side, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(canvas.width, canvas.height);
    const between = (value, n) => Math.min(n - 1, Math.max(0, value));
    for (let y = 0, i = 0; y < canvas.height; y++) {
        const row = between((y + 0.5) / side - 0.5, n_height), top = Math.floor(row), below = between(top + 1, n_height);
        for (let x = 0; x < canvas.width; x++, i += 4) {
            const column = between((x + 0.5) / side - 0.5, n_width), left = Math.floor(column), right = between(left + 1, n_width);
            const mix = (line) => mask[line * n_width + left] * (1 - column + left) + mask[line * n_width + right] * (column - left);
            const value = mix(top) * (1 - row + top) + mix(below) * (row - top);
            const edge = Math.max(0, 1 - Math.abs(value - 0.5) * 24);
            const dark = Math.min(1, Math.max(0, (0.5 - value) * 24 + 0.5));
            pixels.data.set([edge * 255, edge * 250, edge * 240, 255 * Math.max(edge, 0.92 * dark)], i);
        }
    }
    context.putImageData(pixels, 0, 0);
    return canvas;
}

// Without a mask that was learned: what the code rests on, which takes a while and so is asked for.
function evidenceButton(frame, figure, blob, signal) {
    const node = button(say("evidence_show"), async () => {
        node.disabled = true;
        node.textContent = say("evidence_wait");
        figure.classList.add("masked");
        if (await showMask(frame, figure, blob, signal, "v1/evidence")) return node.remove();
        node.disabled = false;
        node.textContent = say("evidence_failed");
    }, "plain");
    return node;
}

async function showMask(frame, figure, blob, signal, path) {
    const is_learned = path === "v1/attention";
    const map = await askJson(path, { body: blob, signal }).catch(() => null);
    if (!map || signal.aborted) return false;
    const canvas = drawMask(map);
    const slider = make("input", { id: "mask", type: "range", min: 0, max: 100, value: 55 });
    const draw = () => (canvas.style.opacity = slider.value / 100);
    slider.addEventListener("input", draw);
    draw();
    frame.append(canvas);
    const share = map.mask.reduce((sum, attended) => sum + attended, 0) / map.mask.length;
    figure.append(make("div", { class: "slider" },
                       make("span", { "aria-hidden": "true" }, say("mask_picture")),
                       make("label", { class: "hidden-label", for: "mask" }, say("mask_slider")),
                       slider,
                       make("span", { "aria-hidden": "true" }, is_learned ? say("mask_mask") : say("evidence_mask"))),
                  make("figcaption", { class: "soft" }, is_learned ? say("mask_share", { percent: Math.round(share * 100) })
                      : say("evidence_share", { percent: Math.round(share * 100) })));
    return true;
}

// How much each word of the query counts.
export function showWords(words) {
    const panel = $("query");
    panel.hidden = words.length < 2 && words.every((each) => each.known);
    const largest = Math.max(...words.map((each) => each.weight || 0), 1e-9);
    const list = make("ul", { class: "words" }, ...words.map(({ word, known, weight }) => make("li", {}, known
        ? make("span", { title: say("query_weight_why", { percent: Math.round(weight * 100) }) }, make("span", { translate: "no" }, word), bar(weight / largest),
               make("span", { class: "hidden-label" }, say("query_weight", { percent: Math.round(weight * 100) })))
        : make("span", { class: "unknown" }, make("s", { translate: "no" }, word), make("small", {}, say("query_unknown"))))));
    panel.replaceChildren(make("div", { class: "facts weights" },
                               make("h2", { id: "query-title" }, say("query_words")), list));
}

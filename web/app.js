// app.js - the page of adah serve: asks the HTTP interface and shows the answers.
//
// The address says what is asked: ?q=words, ?id=17&by=image or ?picture=NAME, and how: to, cut, label, k. Every change
// goes through go(), which changes the address, and show(), which reads it; so links, back and forward work. A picture
// given by hand has no address: its bytes stay in `pictures` as long as the page does. Addresses of the interface are
// relative, so that the page also works behind a proxy, in a folder. What the first answer does not need comes in a file of its
// own when it is wanted, since every file is one more request before anything is seen.

import { ApiError, ask, askJson, bar, blank, button, fileName, icon, itemImage, itemUrl, make, number, pictureUrl, plural } from "./parts.js";

const N_FIRST = 24; // a multiple of most numbers of columns
const TYPING_PAUSE_MS = 220;
const SKELETON_AFTER_MS = 150;
const MORE_WITHIN_PX = 600;
const $ = (id) => document.getElementById(id);

const pictures = new Map(); // name -> {blob, url}
let info = null; // of /v1/info
let running = null; // aborts the search that the last show() began
let asking = null; // aborts what is still wanted of the query itself: another switch does not
let results = []; // the hits that are shown
const chosen = new Map(); // id -> hit
let shown = { query: "", answer: "" }; // what the page is about: keys, see keyOf
let typing = 0; // timer
let focuses_more = false; // whether the first of what comes next gets the focus: it was asked for by its button

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

// The results from this one on, as large as the window.
async function view(event, hit) {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // the link does it
    event.preventDefault();
    const [viewer, choice] = await Promise.all([import("./viewer.js"), import("./choice.js")]).catch(() => [null, null]);
    if (!viewer) return tellError(new ApiError(0, "unreachable", "The server does not answer."));
    return viewer.open({
        hits: () => results.filter((each) => info.has_pictures && each.has_picture),
        is_all: () => $("more").hidden,
        more,
        near: (each) => (each.words === 1 ? "Contains your words" : each.distance === null ? "Contains some of your words" : nearWords(nearness(each))),
        like: (each) => go({ id: String(each.id), by: "image" }),
        download: choice.download,
        focus: (each) => document.querySelector(`#results [data-id="${each?.id}"] .open`)?.focus(),
    }, hit);
}

function viewLink(hit) {
    const link = make("a", { class: "open", href: pictureUrl(hit.id), target: "_blank", rel: "noopener", title: "See it large",
                             "aria-label": `See ${fileName(hit)} large` }, icon("open"));
    link.addEventListener("click", (event) => view(event, hit));
    return link;
}

function openLink(item, text) {
    const link = make("a", { class: "plain", href: pictureUrl(item.id), target: "_blank", rel: "noopener", title: "Open the picture" }, text);
    link.addEventListener("click", (event) => openPicture(event, item.id));
    return link;
}

// ---------------------------------------------------------------- the address

const defaultTo = () => (info && info.index.n_image_codes === 0 ? "text" : "image");

function read() {
    const given = new URLSearchParams(location.search);
    const hash = /^#id=(\d+)$/.exec(location.hash); // links may also be written so
    const side = (name) => (["image", "text"].includes(given.get(name)) ? given.get(name) : null);
    const state = { q: (given.get("q") ?? "").trim(), id: hash ? hash[1] : given.get("id"), by: side("by") ?? "image",
                    picture: given.get("picture"), to: side("to") ?? defaultTo(), cut: given.get("cut") === "1",
                    labels: given.getAll("label"), k: Math.max(1, parseInt(given.get("k"), 10) || N_FIRST) };
    state.kind = state.picture ? "picture" : state.id ? "id" : state.q ? "q" : "";
    return state;
}

function addressOf(state) {
    const p = new URLSearchParams();
    if (state.kind) p.set(state.kind, state[state.kind]);
    if (state.kind === "id" && state.by !== "image") p.set("by", state.by);
    if (state.to !== defaultTo()) p.set("to", state.to);
    if (state.cut) p.set("cut", "1");
    for (const label of state.labels) p.append("label", label);
    if (state.k !== N_FIRST) p.set("k", state.k);
    return location.pathname + (String(p) ? `?${p}` : "");
}

// Goes where the state changed by `change` is. What is typed makes one entry of the history, not one a letter.
function go(change, { typed = false, same_entry = false } = {}) {
    const state = { ...read(), k: N_FIRST, ...change };
    for (const kind of ["q", "id", "picture"]) if (kind in change) state.kind = change[kind] ? kind : "";
    const address = addressOf(state);
    const same = address === location.pathname + location.search && !location.hash;
    if (same || same_entry || (typed && history.state?.typed)) history.replaceState({ typed }, "", address);
    else {
        history.replaceState({ ...history.state, y: scrollY }, ""); // back leads to where one was
        history.pushState({ typed }, "", address);
    }
    return show({ typed });
}

const links = { // for <a href>, so that a middle click opens them; a plain click goes from the state of that moment
    item: (id, by) => addressOf({ ...read(), kind: "id", id, by, k: N_FIRST }),
    words: (q) => addressOf({ ...read(), kind: "q", q, k: N_FIRST }),
};
const keyOf = (state, names) => JSON.stringify(names.map((name) => state[name]));

// ---------------------------------------------------------------- the page as a whole

async function show({ again = false, typed = false } = {}) {
    clearTimeout(typing);
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const skeletons = setTimeout(() => read().kind && showSkeletons(), SKELETON_AFTER_MS);
    try {
        if (!info) await start(signal);
        const state = read();
        showControls(state, typed);
        $("token").hidden = true;
        tell();
        if (!state.kind) return showStart(signal);
        $("start").hidden = true;
        if (state.kind === "picture" && !pictures.has(state.picture))
            throw new ApiError(410, "gone", "It was given before the page was loaded. Please choose it again.");
        if (state.kind === "id") itemUrl(state.id); // refuses what is no id before anything is asked
        const query = keyOf(state, ["kind", state.kind, "by"]);
        const is_new = query !== shown.query || again;
        if (is_new) {
            shown = { query, answer: "" };
            asking?.abort();
            asking = new AbortController();
        }
        const [answer] = await Promise.all([search(state, signal), is_new && showQuery(state, asking.signal)]);
        showAnswer(state, answer);
    } catch (error) {
        if (!signal.aborted) tellError(error);
    } finally {
        clearTimeout(skeletons);
        if (!signal.aborted) document.body.classList.remove("waiting");
    }
}

async function start(signal) {
    info = await askJson("v1/info", { signal });
    const { model, index } = info;
    $("holdings").textContent = plural(index.n_records, "item", "items");
    $("holdings").title = `The codes have ${model.n_bits} bits. The model ${model.id} made them.`;
    $("choose").hidden = !model.takes_images;
    $("words").disabled = !model.takes_text;
    if (!model.takes_text) $("words").placeholder = "A picture";
    if (!model.takes_images) $("words").placeholder = "Words";
    document.querySelector(".switch").hidden = !index.n_image_codes || !index.n_text_codes;
    $("filter").hidden = index.labels.length < 2;
    $("labels").replaceChildren(...index.labels.map((label) => make("label", { class: "check" },
        make("input", { type: "checkbox", name: "label", value: label }), make("span", {}, label))));
}

function showControls(state, typed) {
    if (!typed) $("words").value = state.kind === "q" ? state.q : ""; // else the box is ahead of the address, by a space say
    $("clear").hidden = !state.kind;
    $("options").hidden = !state.kind;
    $("options").elements.to.value = state.to;
    $("cut").checked = state.cut;
    for (const box of $("labels").querySelectorAll("input")) box.checked = state.labels.includes(box.value);
    $("filter-name").textContent = state.labels.length ? "Labels" : "All labels";
    $("chosen").hidden = !state.labels.length;
    $("chosen").replaceChildren(...state.labels.map((each) => chip(each, true, { "aria-label": `Without the label ${each}`, title: "Take this label away" })));
    $("no-labels").disabled = !state.labels.length;
    const about = { q: state.q, id: "More like this", picture: "Your picture" }[state.kind];
    document.title = about ? `${about} · adah` : "adah";
}

function showSkeletons() {
    document.body.classList.add("waiting");
    if ($("results").children.length) return; // the last answer stays, dimmed
    $("results").replaceChildren(...Array.from({ length: 12 }, () => make("li", { class: "skeleton", "aria-hidden": "true" })));
}

// Says something instead of results, or nothing.
function tell(title, text, ...actions) {
    $("notice").replaceChildren();
    if (!title) return;
    $("results").replaceChildren();
    results = [];
    $("more").hidden = true;
    $("found").textContent = "";
    $("notice").append(make("h2", {}, title), make("p", {}, text), make("div", { class: "row" }, ...actions.filter(Boolean)));
}

const anew = () => button("Go to the start", () => go({ q: "" }));
const another = () => button("Choose a picture", () => $("file").click(), "solid");
const retry = () => button("Try again", () => show({ again: true }), "solid");

function tellError(error) {
    const state = info && read();
    shown = { query: "", answer: "" };
    if ([404, 410, 422].includes(error.status)) $("query").hidden = true;
    if (!(error instanceof ApiError)) {
        tell("Something went wrong on this page", String(error?.message ?? error), retry());
        throw error;
    }
    if (error.status === 401) {
        tell();
        for (const id of ["start", "query", "options"]) $(id).hidden = true;
        $("results").replaceChildren();
        $("token-message").textContent = sessionStorage.getItem("adah-token")
            ? "The token was not accepted." : "Ask the person who runs this archive for one.";
        $("token").hidden = false;
        $("token-value").focus();
    } else if (error.status === 0)
        tell("The server does not answer", "It may have been stopped, or the network is down.", retry());
    else if (error.status === 503) tell("The server is not ready", sentence(error.message), retry());
    else if (error.status === 422 && state?.kind === "q")
        tell("The model knows none of these words",
             "Try plainer or more common words. One or two are enough.",
             button("See examples", () => go({ q: "" }), "solid"));
    else if (error.status === 404)
        tell("There is no such item", state?.kind === "id" && /^\d+$/.test(state.id)
            ? "It may have been deleted." : sentence(error.message), anew());
    else if (error.status === 410) tell("This picture is no longer here", sentence(error.message), another(), anew());
    else if (state?.kind === "picture" && [413, 415, 422].includes(error.status))
        tell("This picture cannot be read", error.status === 413 ? "It is too large for this server."
            : "The file is damaged, or no picture of a kind that is known here (JPEG, PNG, WebP, GIF, ...).", another(), anew());
    else tell("That did not work", sentence(error.message), error.status >= 500 ? retry() : null, anew());
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

// ---------------------------------------------------------------- what was asked before

const N_REMEMBERED = 12;
const remembered = () => JSON.parse(localStorage.getItem("adah-asked") ?? "[]").filter((each) => typeof each === "string");

// Words that found something, the newest first; words that grew while they were typed are one.
function remember(q) {
    const others = remembered().filter((each, i) => each !== q && !(i === 0 && q.startsWith(each)));
    localStorage.setItem("adah-asked", JSON.stringify([q, ...others].slice(0, N_REMEMBERED)));
}

function askedBefore() {
    const asked = remembered();
    if (!asked.length) return null;
    const part = make("section", { class: "asked", "aria-labelledby": "asked-title" }, make("h2", { id: "asked-title" }, "Asked before"),
                      make("ul", { class: "chips" }, ...asked.map((q) => make("li", {}, make("a", { class: "chip", href: links.words(q), "data-go": true }, q)))));
    part.append(button("Forget them", () => {
        localStorage.removeItem("adah-asked");
        part.remove();
        $("words").focus();
    }, "plain"));
    return part;
}

// ---------------------------------------------------------------- first visit

async function showStart(signal) {
    shown = { query: "", answer: "" };
    const { index, model } = info;
    for (const id of ["query", "more"]) $(id).hidden = true;
    $("results").replaceChildren();
    $("start").hidden = false;
    const ways = [model.takes_text && "words", model.takes_images && "a picture"].filter(Boolean).join(" or ");
    const examples = make("ul", { class: "examples", "aria-label": "Examples" });
    $("start").replaceChildren(
        make("h1", {}, "Find pictures by words, and words by pictures"),
        make("p", { class: "lead" }, `This archive holds ${plural(index.n_records, "item", "items")}. Ask with ${ways}, and see `
            + `what is close in meaning. Every picture and every text has a code of ${model.n_bits} bits, and the codes of things that `
            + "mean the same differ in few of them."
            + (model.takes_images ? " You can choose a picture, drop it anywhere on this page, or paste it." : "")),
        askedBefore() ?? "",
        examples,
    );
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
        if (info.has_pictures && hit.has_picture) link.append(itemImage(hit, 200, blank(), { alt: "" }));
        link.append(make("span", {}, label));
        examples.append(make("li", {}, link));
    }
}

// ---------------------------------------------------------------- what is asked

async function showQuery(state, signal) {
    const panel = $("query");
    if (state.kind === "q") { // its words come with the answer
        panel.replaceChildren();
        panel.hidden = true;
        return;
    }
    const side = make("div", { class: "facts" });
    const masked = state.kind === "picture" && info.model.has_attention;
    const figure = make("figure", { class: masked ? "masked" : null });
    let tags;
    if (state.kind === "picture") {
        const picture = pictures.get(state.picture);
        side.append(make("h1", { id: "query-title" }, "Your picture"));
        const frame = make("div", { class: "frame" }, make("img", { src: picture.url, alt: "The picture you search with" }));
        figure.append(frame);
        tags = { body: picture.blob, parameters: new URLSearchParams({ n: 10 }) };
        if (masked) showMask(frame, figure, picture.blob, signal);
    } else {
        const item = await askJson(itemUrl(state.id), { signal });
        const other = state.by === "image" ? "text" : "image";
        side.append(make("h1", { id: "query-title", tabindex: "-1" }, "More like this"),
                    item.text ? make("p", { class: "caption" }, item.text) : null, chips(item.labels));
        const actions = make("p", { class: "actions" });
        if (info.has_pictures && item.has_picture) {
            figure.append(make("div", { class: "frame" }, itemImage(item, 320, blank(), { eager: true })));
            actions.append(openLink(item, "Open the picture"));
        }
        if (item[`${other}_code`] && item[`${state.by}_code`])
            actions.append(make("a", { class: "plain", "data-go": true, href: links.item(state.id, other) },
                                `Search with its ${other === "image" ? "picture" : "text"} instead`));
        side.append(actions, make("p", { class: "soft" }, item.file_name || `Item ${item.id}`));
        if (item.image_code) tags = { body: { id: Number(state.id), n: 10 } };
    }
    if (tags && info.model.takes_text && info.index.n_text_codes) showTags(side, tags, signal);
    panel.replaceChildren(...(figure.children.length ? [figure] : []), side);
    panel.hidden = false;
}

async function showTags(side, request, signal) {
    const place = make("div", { class: "tags" });
    side.append(place);
    const { tags } = await askJson("v1/tags", { ...request, signal }).catch(() => ({ tags: [] }));
    if (!tags.length) return;
    place.append(make("h2", {}, "Words that fit it"), make("ul", { class: "words" }, ...tags.map(({ word, weight }) =>
        make("li", {}, make("a", { href: links.words(word), "data-go": true }, word, bar(weight))))));
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

async function showMask(frame, figure, blob, signal) {
    const map = await askJson("v1/attention", { body: blob, signal }).catch(() => null);
    if (!map || signal.aborted) return;
    const canvas = drawMask(map);
    const slider = make("input", { id: "mask", type: "range", min: 0, max: 100, value: 55 });
    const draw = () => (canvas.style.opacity = slider.value / 100);
    slider.addEventListener("input", draw);
    draw();
    frame.append(canvas);
    const share = map.mask.reduce((sum, attended) => sum + attended, 0) / map.mask.length;
    figure.append(make("div", { class: "slider" },
                       make("span", { "aria-hidden": "true" }, "Picture"),
                       make("label", { class: "hidden-label", for: "mask" }, "From the picture to the mask"),
                       slider,
                       make("span", { "aria-hidden": "true" }, "Mask")),
                  make("figcaption", { class: "soft" }, `The model looks at ${Math.round(share * 100)} % of this picture.`));
}

// How much each word of the query counts.
function showWords(words) {
    const panel = $("query");
    panel.hidden = words.length < 2 && words.every((each) => each.known);
    const largest = Math.max(...words.map((each) => each.weight || 0), 1e-9);
    const list = make("ul", { class: "words" }, ...words.map(({ word, known, weight }) => make("li", {}, known
        ? make("span", { title: `Without this word the query changes by ${Math.round(weight * 100)} %.` }, word, bar(weight / largest),
               make("span", { class: "hidden-label" }, `, weight ${Math.round(weight * 100)} %`))
        : make("span", { class: "unknown" }, make("s", {}, word), make("small", {}, "unknown to the model")))));
    panel.replaceChildren(make("div", { class: "facts weights" },
                               make("h2", { id: "query-title" }, "How much each word counts"), list));
}

// ---------------------------------------------------------------- what is found

function search(state, signal) {
    const parameters = new URLSearchParams({ to: state.to, k: Math.min(state.k, info.limits.k_max) });
    for (const label of state.labels) parameters.append("label", label);
    if (state.cut) parameters.set("cut_off", "1");
    if (state.kind === "picture") return askJson("v1/search", { parameters, body: pictures.get(state.picture).blob, signal });
    if (state.kind === "id") {
        parameters.set("id", state.id);
        parameters.set("by", state.by);
    } else {
        parameters.set("text", state.q);
        parameters.set("explain", "1");
    }
    return askJson("v1/search", { parameters, signal });
}

function showAnswer(state, answer) {
    const { hits, query, took_ms } = answer;
    const key = keyOf(state, ["kind", state.kind, "by", "to", "cut", "labels"]);
    const n_kept = key === shown.answer && state.k > N_FIRST ? $("results").children.length : 0; // "show more" adds
    shown.answer = key;
    if (query.words) showWords(query.words);
    const what = state.to === "image" ? ["picture", "pictures"] : ["text", "texts"];
    if (!hits.length) {
        const why = state.cut ? "Nothing here is close enough to be an answer."
            : state.labels.length ? "Nothing here has one of these labels." : "Try other words, or another picture.";
        tell(`No ${what[1]} were found`, why,
             state.cut ? button("Show the nearest anyway", () => go({ cut: false }), "solid") : null,
             state.labels.length ? button("Search under all labels", () => go({ labels: [] }), "solid") : null);
        $("found").textContent = `No ${what[1]} were found`;
        return;
    }
    const is_all = hits.length < state.k;
    $("found").textContent = is_all ? plural(hits.length, ...what) : `The nearest ${plural(hits.length, ...what)}`;
    $("found").title = `The search took ${took_ms.toPrecision(2)} ms.`;
    $("results").className = state.to === "image" ? "grid" : "list";
    results = hits;
    const range = rangeOf(hits);
    const cards = hits.slice(n_kept).map((hit, i) => (state.to === "image" ? card : line)(hit, range, n_kept + i < 8));
    if (n_kept) $("results").append(...cards);
    else $("results").replaceChildren(...cards);
    addWhole(cards);
    if (n_kept && focuses_more) cards[0]?.querySelector("a").focus({ preventScroll: true });
    focuses_more = false;
    $("more").hidden = is_all || state.k >= info.limits.k_max;
    if (state.kind === "q") remember(state.q);
    performance.mark("results"); // for tests and developer tools
}

// A label is a switch: with it, only what has one of the chosen labels is found.
function chip(label, chosen, attributes) {
    const node = button(label, () => {
        const { labels } = read();
        go({ labels: labels.includes(label) ? labels.filter((each) => each !== label) : [...labels, label] });
    }, "chip");
    node.setAttribute("aria-pressed", chosen);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return make("li", {}, node);
}

const chips = (labels) => (labels?.length
    ? make("ul", { class: "chips", "aria-label": "Labels" },
           ...labels.map((each) => chip(each, read().labels.includes(each), { title: `Show only what has the label ${each}` }))) : null);

// How near a result is, from 0 (as near as any) to 1 (the same): by the score where results are in its order, else by the share of bits
// that are equal beyond the half that are so by chance.
const nearness = (hit) => Math.max(0, typeof hit.score === "number" ? hit.score : 1 - hit.distance / (info.model.n_bits / 2));
const nearWords = (near) => (near >= 0.8 ? "Very near" : near >= 0.55 ? "Near" : near >= 0.3 ? "Fairly near" : near > 0.1 ? "Distant" : "Far");

// The bar tells answers apart: full at the nearest, short at the last of the first page. What holds the words comes first however near.
function distance(hit, range) {
    const held = hit.words === 1 ? make("span", { class: "held" }, "Contains your words") : null;
    if (hit.distance === null) return make("p", { class: "distance" }, held ?? "Contains some of your words");
    const near = nearness(hit), width = range.high - range.low;
    const exact = `${typeof hit.score === "number" ? `Similarity ${hit.score.toFixed(2)}, ` : ""}${hit.distance} of ${info.model.n_bits} bits differ.`;
    return make("p", { class: "distance", title: `${exact} The fuller the bar, the nearer among these results.` },
                held ?? make("span", {}, nearWords(near)), bar(0.08 + 0.92 * (width > 0 ? (near - range.low) / width : 1)));
}

function rangeOf(hits) {
    const near = hits.slice(0, N_FIRST).filter((hit) => hit.distance !== null).map(nearness);
    return { high: Math.max(...near), low: Math.min(...near) };
}

// A caption of more lines than its card shows gets a button for the rest; measured before anything is painted.
function addWhole(cards) {
    const cut = cards.map((each) => each.querySelector(".grid .caption")).filter((each) => each && each.scrollHeight > each.clientHeight + 1);
    for (const caption of cut) {
        const whole = button("Whole text", () => {
            const is_whole = caption.classList.toggle("whole");
            whole.setAttribute("aria-expanded", is_whole);
            whole.textContent = is_whole ? "Less" : "Whole text";
        }, "plain whole-text");
        whole.setAttribute("aria-expanded", "false");
        caption.after(whole);
    }
}

function card(hit, range, eager) {
    const has_picture = info.has_pictures && hit.has_picture;
    const words = blank(hit.text || fileName(hit));
    const link = make("a", { class: "main", href: links.item(hit.id, "image"), "data-go": true, title: "More like this" },
                      has_picture ? itemImage(hit, 320, words, { eager }) : words());
    return make("li", { "data-id": hit.id }, link, has_picture ? viewLink(hit) : null, chooser(hit),
                make("div", { class: "about" }, has_picture ? make("p", { class: "caption" }, hit.text || fileName(hit)) : null,
                     chips(hit.labels), distance(hit, range)));
}

function line(hit, range, eager) {
    const has_picture = info.has_pictures && hit.has_picture;
    const link = make("a", { class: "main caption", href: links.item(hit.id, "text"), "data-go": true, title: "More like this" },
                      hit.text || fileName(hit));
    return make("li", { "data-id": hit.id },
                has_picture ? make("span", { class: "thumb" }, itemImage(hit, 96, blank(), { eager, alt: "" })) : null,
                make("div", { class: "about" }, link, chips(hit.labels)),
                distance(hit, range),
                has_picture ? viewLink(hit) : null);
}

// ---------------------------------------------------------------- several are chosen

function chooser(hit) {
    const box = make("input", { type: "checkbox", "aria-label": `Choose ${fileName(hit)}`, checked: chosen.has(hit.id) });
    box.addEventListener("change", (event) => {
        event.stopPropagation(); // it is no option of the search
        if (box.checked) chosen.set(hit.id, hit);
        else chosen.delete(hit.id);
        showChosen();
    });
    return make("label", { class: "choose" }, box);
}

function showChosen() {
    const bar = $("chosen-items");
    bar.hidden = !chosen.size;
    $("n-chosen").textContent = `${number(chosen.size)} chosen`;
    $("save-chosen").hidden = ![...chosen.values()].some((hit) => info.has_pictures && hit.has_picture);
    for (const id of ["label-chosen", "delete-chosen"]) $(id).hidden = !info.can_write;
    for (const box of document.querySelectorAll("#results .choose input")) box.checked = chosen.has(Number(box.closest("li").dataset.id));
}

// Does it with what is chosen; told is a function of what came of it. What fails leaves the choice as it is.
async function withChosen(act, tell_done) {
    const bar = $("chosen-items");
    bar.inert = true;
    $("n-chosen").textContent = "One moment";
    try {
        const done = await act(await import("./choice.js"), [...chosen.values()]);
        bar.inert = false;
        if (done === null) return showChosen();
        if (tell_done) {
            chosen.clear();
            info = null; // it counts items and tells labels
            await show({ again: true });
        }
        showChosen();
        if (tell_done) $("found").textContent = tell_done(done);
    } catch (error) {
        bar.inert = false;
        showChosen();
        if (error.name === "AbortError") return;
        $("n-chosen").textContent = `That did not work. ${sentence(error.message)}`;
    }
}

$("save-chosen").addEventListener("click", () => withChosen((choice, hits) => choice.download(hits.filter((hit) => hit.has_picture))));
$("delete-chosen").addEventListener("click", () => withChosen((choice, hits) => choice.remove(hits), (n) => `${plural(n, "item", "items")} deleted`));
$("label-chosen").addEventListener("click", () => withChosen((choice, hits) => choice.label(hits), ({ name, n, n_left }) =>
    `${plural(n, "item has", "items have")} the label ${name}${n_left ? `; ${number(n_left)} without a picture left as they are` : ""}`));
$("none-chosen").addEventListener("click", () => {
    chosen.clear();
    showChosen();
    $("results").focus();
});

// ---------------------------------------------------------------- a picture is given

async function give(blob) {
    if (!blob || !info?.model.takes_images) return;
    const name = Date.now().toString(36);
    if (blob.size > info.limits.body_bytes_max) blob = (await shrink(blob).catch(() => null)) ?? blob;
    pictures.set(name, { blob, url: URL.createObjectURL(blob) });
    return go({ picture: name });
}

// A photo too large for the server; the model sees far fewer pixels anyway.
async function shrink(blob) {
    const bitmap = await createImageBitmap(blob);
    const scale = Math.min(1, 1600 / Math.max(bitmap.width, bitmap.height));
    const canvas = make("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

const fileOf = (transfer) => [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/") || !file.type);

$("choose").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
    give($("file").files[0]);
    $("file").value = ""; // the same file may be chosen again
});
addEventListener("paste", (event) => {
    const file = fileOf(event.clipboardData);
    if (file) event.preventDefault();
    give(file);
});
let n_inside = 0; // dragenter and dragleave come for every element
const dragged = (event) => event.dataTransfer.types.includes("Files") && info?.model.takes_images;
addEventListener("dragenter", (event) => dragged(event) && document.body.classList.toggle("dragging", ++n_inside > 0));
addEventListener("dragleave", (event) => dragged(event) && document.body.classList.toggle("dragging", --n_inside > 0));
addEventListener("dragover", (event) => dragged(event) && event.preventDefault());
addEventListener("drop", (event) => {
    if (!dragged(event)) return;
    event.preventDefault();
    n_inside = 0;
    document.body.classList.remove("dragging");
    give(fileOf(event.dataTransfer));
});

// ---------------------------------------------------------------- controls and keys

$("search").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ q: $("words").value.trim() });
});
$("words").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => go({ q: $("words").value.trim() }, { typed: true }), TYPING_PAUSE_MS);
});
function clear() {
    $("words").value = "";
    $("words").focus();
    go({ q: "" });
}
$("clear").addEventListener("click", clear);
$("options").addEventListener("change", () => go({
    to: $("options").elements.to.value,
    cut: $("cut").checked,
    labels: [...$("labels").querySelectorAll(":checked")].map((box) => box.value),
}));
$("options").addEventListener("submit", (event) => event.preventDefault());
$("no-labels").addEventListener("click", () => go({ labels: [] }));

// More comes by the button, or when the end of the results comes near. It is the same entry of the history.
let coming = null; // the promise of what comes next
function more() {
    if ($("more").hidden) return null;
    coming ??= go({ k: read().k + N_FIRST }, { same_entry: true }).finally(() => (coming = null));
    return coming;
}
$("more").addEventListener("click", () => {
    focuses_more = true;
    more();
});
addEventListener("scroll", () => {
    if ($("more").getBoundingClientRect().top < innerHeight + MORE_WITHIN_PX) more();
}, { passive: true });
$("token").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("adah-token", $("token-value").value);
    $("token-value").value = "";
    show();
});

// Links within the page. One that was followed to an item leads on to what is said of it.
document.addEventListener("click", async (event) => {
    if (!event.target.closest("#filter")) $("filter").open = false;
    const link = event.target.closest("a[data-go]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const { searchParams } = new URL(link.href);
    const gone = searchParams.has("id") ? go({ id: searchParams.get("id"), by: searchParams.get("by") ?? "image" })
        : go(searchParams.has("q") ? { q: searchParams.get("q") } : { q: "", to: defaultTo(), cut: false, labels: [] });
    scrollTo({ top: 0 }); // after go() has noted where one was
    await gone;
    $("query-title")?.focus({ preventScroll: true });
});
history.scrollRestoration = "manual";
addEventListener("popstate", async (event) => {
    await show();
    scrollTo({ top: event.state?.y ?? 0 });
});

// Up, down, left and right among the results: the neighbour on the screen.
function step(event) {
    const mains = [...$("results").querySelectorAll("a.main")];
    const at = mains.indexOf(document.activeElement);
    const from_box = document.activeElement === $("words") && event.key === "ArrowDown";
    if (!mains.length || (at < 0 && !from_box)) return;
    const top = (link) => link.getBoundingClientRect().top;
    const n_columns = $("results").className === "list"
        ? 1 : mains.filter((link) => Math.abs(top(link) - top(mains[0])) < 2).length;
    const to = from_box ? 0 : { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - n_columns, ArrowDown: at + n_columns,
                                Home: 0, End: mains.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0 && event.key === "ArrowUp") $("words").focus();
    else mains[Math.min(Math.max(to, 0), mains.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    const writes = event.target.matches("input:not([type=checkbox], [type=radio], [type=range])");
    if (event.key === "/" && !writes) {
        event.preventDefault();
        $("words").focus();
        $("words").select();
    } else if (event.key === "Escape") {
        if ($("filter").open) $("filter").open = false;
        else if (!$("token-value").matches(":focus")) clear();
    } else if (!event.target.matches("[type=radio], [type=range]")) step(event);
});

show();

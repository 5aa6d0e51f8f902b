// parts.js - what every part of the page is made of: elements, requests to the HTTP interface, pictures of items.

import { say } from "./language.js";

// ---------------------------------------------------------------- elements

export function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
        if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

export function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#icon-${name}`);
    svg.append(use);
    return svg;
}

export const button = (text, act, kind = "plain") => {
    const node = make("button", { type: "button", class: kind }, text);
    node.addEventListener("click", act);
    return node;
};

// A bar whose filled part is `share` of it. (The page's policy forbids style attributes, not styles set so.)
export function bar(share) {
    const filled = make("i");
    filled.style.inlineSize = `${Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10}%`;
    return make("span", { class: "bar", "aria-hidden": "true" }, filled);
}

// ---------------------------------------------------------------- the interface

export class ApiError extends Error {
    constructor(status, code, message, field = "") { // the message is technical; errors.js has sentences
        super(message);
        this.status = status;
        this.code = code;
        this.field = field; // the parameter that is wrong
    }
}

export async function ask(path, { parameters, body, signal, method = body ? "POST" : "GET" } = {}) {
    const headers = {};
    const token = sessionStorage.getItem("adah-token");
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body instanceof Blob) headers["Content-Type"] = body.type.startsWith("image/") ? body.type : "application/octet-stream";
    else if (body) headers["Content-Type"] = "application/json";
    const url = parameters ? `${path}?${parameters}` : path;
    const sent = body && !(body instanceof Blob) ? JSON.stringify(body) : body;
    let answer;
    try {
        answer = await fetch(url, { method, headers, body: sent, signal });
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new ApiError(0, "unreachable", "the server does not answer");
    }
    if (answer.ok) return answer;
    const told = await answer.json().catch(() => null);
    throw new ApiError(answer.status, told?.error?.code, told?.error?.message ?? `the server says ${answer.status}`, told?.error?.field);
}

export const askJson = async (path, options) => (await ask(path, options)).json();

// ---------------------------------------------------------------- pictures of items

// Of an id that may come from the address: nothing but digits goes into a path, where ".." would lead elsewhere however it is escaped.
export function itemUrl(id) {
    if (!/^\d+$/.test(id)) throw new ApiError(404, "not_found", `"${id}" is not the number of an item.`);
    return `v1/items/${id}`;
}
export const pictureUrl = (id) => `${itemUrl(id)}/picture`;
const thumbnailUrl = (id, side) => `${itemUrl(id)}/thumbnail?side=${Math.min(1024, side * (devicePixelRatio > 1 ? 2 : 1))}`;

// With a token a picture is fetched when it comes into view: an <img> cannot send it.
const inView = new IntersectionObserver(
    (entries) => {
        for (const { target, isIntersecting } of entries) {
            if (!isIntersecting) continue;
            inView.unobserve(target);
            ask(target.dataset.source)
                .then((answer) => answer.blob())
                .then((blob) => {
                    const url = URL.createObjectURL(blob);
                    target.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
                    target.src = url;
                })
                .catch(() => target.dispatchEvent(new Event("error")));
        }
    },
    { rootMargin: "400px" },
);

// Where a picture is not available, `instead` takes its place.
export function itemImage(item, side, instead, { eager, alt = item.text || fileName(item) } = {}) {
    const image = make("img", { alt, decoding: "async", loading: eager ? "eager" : "lazy" });
    image.addEventListener("error", () => image.replaceWith(instead()));
    image.addEventListener("load", () => image.classList.add("loaded"));
    if (sessionStorage.getItem("adah-token")) {
        image.dataset.source = thumbnailUrl(item.id, side);
        inView.observe(image);
    } else image.src = thumbnailUrl(item.id, side);
    return image;
}

export const blank = (text = "") => () => make("span", { class: "blank", translate: "no" }, text);

export const fileName = (item) => item.file_name?.split("/").pop() || say("item_name", { id: String(item.id) });

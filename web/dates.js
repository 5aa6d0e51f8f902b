// dates.js - dates as the interface has them, "2019", "2019-06" or "2019-06-01", perhaps with a time behind: in the words of the reader's
// language, and counted on.

import { tag } from "./language.js";

const isDate = (text) => /^\d{4}(-\d\d(-\d\d(T.*)?)?)?$/.test(text);
const parts = (text) => text.slice(0, 10).split("-").map(Number);

function dayOf(year, month = 1, day = 1) {
    const at = new Date(0);
    at.setUTCFullYear(year, month - 1, day); // Date.UTC() takes the year 19 for 1919
    return at;
}

// The date of the same kind behind this one: "2019" -> "2020", "2019-12" -> "2020-01". "" where there is none.
export function following(date) {
    const [year, month, day] = parts(date);
    const next = month === undefined ? dayOf(year + 1) : day === undefined ? dayOf(year, month + 1) : dayOf(year, month, day + 1);
    return next.getUTCFullYear() > 9999 ? "" : next.toISOString().slice(0, Math.min(date.length, 10));
}

export function dateText(text) {
    if (!isDate(text)) return text;
    const [year, month, day] = parts(text);
    return new Intl.DateTimeFormat(tag(), { timeZone: "UTC", year: "numeric", ...(month ? { month: day ? "short" : "long" } : {}), ...(day ? { day: "numeric" } : {}) })
        .format(dayOf(year, month, day));
}

// A year, a month or a day that lies between the two, and no more; "" where there is none.
export const spanText = (after, before) => (isDate(after) && after.length <= 10 && following(after) === before ? dateText(after) : "");

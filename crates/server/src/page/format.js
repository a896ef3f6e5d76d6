// How names, numbers and instants are written.

const NAMES = {
  co2: "CO₂", voc: "VOC", tvoc: "TVOC", pm1: "PM1", pm2_5: "PM2.5", pm10: "PM10", ph: "pH",
  rssi: "RSSI",
};
const ORDER = ["temperature", "humidity", "co2", "light", "humidity_ratio", "occupancy"];
const COLOURS = { temperature: 1, humidity: 2, light: 3, co2: 4, humidity_ratio: 5, occupancy: 6 };

export function metricName(metric) {
  const words = metric.replaceAll("_", " ");
  return NAMES[metric] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Known metrics first, in their order; the others by name. */
export function byMetric(left, right) {
  const rank = (metric) => (ORDER.indexOf(metric) + ORDER.length + 1) % (ORDER.length + 1);
  return rank(left) - rank(right) || left.localeCompare(right);
}

/** The class of a metric's colour; the same whenever the same metric is shown. */
export function colour(metric) {
  let hash = 0;
  for (const letter of metric) hash = (hash * 31 + letter.codePointAt(0)) >>> 0;
  return `s${COLOURS[metric] ?? (hash % 8) + 1}`;
}

/** A number with as many digits as help. */
export function number(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2).replace("e", " e");
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 5;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/** A number on an axis, all with the same number of decimals. */
export function axis(value, decimals) {
  if (decimals > 7 || Math.abs(value) >= 1e7) return number(value);
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** A state in words where one is known: `[text, unit]`. */
export function measured(metric, value, unit) {
  if (metric === "occupancy" && unit === "1" && (value === 0 || value === 1)) {
    return [value === 1 ? "Occupied" : "Vacant", ""];
  }
  return [number(value), unit === "1" ? "" : unit];
}

const UTC = { timeZone: "UTC" };
const CLOCK = new Intl.DateTimeFormat("en-GB", { ...UTC, hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { ...UTC, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { ...UTC, day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { ...UTC, day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const instant = (time) => `${FULL.format(time)} UTC`;

/** A tick of a time axis whose ticks are `step` milliseconds apart. */
export function tick(time, step) {
  if (step >= 86_400_000 || time % 86_400_000 === 0) return DAY.format(time);
  return (step < 60_000 ? SECONDS : CLOCK).format(time);
}

export function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

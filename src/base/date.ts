// The date-time of RFC 5322 §3.3, with a numeric zone: "Sun, 22 Nov 2026 12:00:00 +0900". English names whatever
// the locale is. Parsing is not done here.

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** Four digits of year are all the grammar has. */
const earliest = Date.UTC(1900, 0, 2);
const latest = Date.UTC(9999, 11, 30);

/**
 * `at` is wall time in milliseconds; `zone` is minutes east of UTC, the machine's zone at that time when left out.
 * Throws a RangeError for times outside 1900–9999.
 */
export function formatDateTime(at: number, zone: number = localZone(at)): string {
  if (!(at >= earliest && at <= latest)) throw new RangeError(`no RFC 5322 date for ${at}`);
  const date = new Date(at + zone * 60_000);
  const sign = zone < 0 ? "-" : "+";
  const minutes = Math.abs(zone);
  return (
    `${weekdays[date.getUTCDay()]}, ${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ` +
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ` +
    `${sign}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`
  );
}

function localZone(at: number): number {
  return -Math.round(new Date(at).getTimezoneOffset());
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

// A time in words for people of any country: `2026-01-31 08:05 UTC`.

/** `at`: wall, ms. */
export function minuteOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

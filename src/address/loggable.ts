// What may be logged of what somebody typed as a name.

/** The name where it looks like an address, and nothing else: it may be a password in the wrong field. */
export function loggableName(typed: string): string {
  return /^[^\s@]{1,64}@[^\s@]{1,255}$/.test(typed) ? typed : "";
}

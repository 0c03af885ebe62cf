// In which order mail that is due gets its turn, and which domain it waits for. Pure.
//
//   fresh   never tried: somebody may be looking at a screen for it
//   retry   tried before and refused or not reached: a few minutes more make no difference
//   bulk    says of itself that it goes to many (Precedence, List-*), tried or not
//
// A class is an order, not a right: whoever takes due mail leaves a part for each class, so nothing starves.

export const mailClasses = ["fresh", "retry", "bulk"] as const;
export type MailClass = (typeof mailClasses)[number];

export function classOf(message: { readonly bulk?: true }, attempts: number): MailClass {
  if (message.bulk === true) return "bulk";
  return attempts === 0 ? "fresh" : "retry";
}

/**
 * For whom a recipient waits: nobody, an operator or a limit, whoever looks whether somebody else uses its account, or who suspended or
 * deleted that.
 */
export type Hold = 0 | 1 | 2 | 3;
export const holds = { none: 0, operator: 1, suspicion: 2, suspension: 3 } as const satisfies Record<string, Hold>;

/** Of each recipient, as a message comes in. A limit goes first: it holds also when the account is beyond suspicion. */
export function firstHolds({
  hold,
  suspected,
  suspended,
}: {
  readonly hold?: { readonly recipients: readonly number[] };
  readonly suspected?: string;
  readonly suspended?: string;
}): (recipient: number) => Hold {
  const others = suspended !== undefined ? holds.suspension : suspected === undefined ? holds.none : holds.suspicion;
  if (hold === undefined) return () => others;
  const limited = new Set(hold.recipients);
  return (recipient) => (limited.has(recipient) ? holds.operator : others);
}

/** What stands behind the last @, lower case; "" for a bare postmaster. */
export function domainOf(recipient: string): string {
  const at = recipient.lastIndexOf("@");
  return at < 0 ? "" : recipient.slice(at + 1).toLowerCase();
}

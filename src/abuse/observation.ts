// What the detector sees of an account: traffic data, and features of content only where its plan has consented to that. Times are wall milliseconds. A network is a prefix that one
// customer or one access point has, /24 or /48, as text; a country is two letters, or unknown where no database says it.

export type Observation =
  /** A login that succeeded. */
  | { readonly kind: "login"; readonly at: number; readonly network: string; readonly country: string | undefined }
  /** A login with a wrong password. */
  | { readonly kind: "failure"; readonly at: number; readonly network: string }
  /** A message that was accepted from it. */
  | {
      readonly kind: "message";
      readonly at: number;
      readonly recipients: number;
      /** Of these, so many it had never written to. */
      readonly newRecipients: number;
      /** Whose message it says it is (From), in lower case; none twice. */
      readonly authors: readonly string[];
    }
  /** Of the content of a message that was accepted from it, with consent (classify/content.ts). */
  | {
      readonly kind: "content";
      readonly at: number;
      /** Fingerprint of the text; "": none. */
      readonly body: string;
      /** Endings of names of files that are programs. */
      readonly programs: readonly string[];
    }
  /** What became of one recipient: taken by somebody, or nobody there knows it (5.1.1 and the like). */
  | { readonly kind: "outcome"; readonly at: number; readonly result: "taken" | "unknown" };

/** What a person is told: which sign, how much it weighed, and what was seen. */
export interface Evidence {
  readonly at: number;
  readonly sign: Sign;
  /** Of the score, in nats. */
  readonly weight: number;
  readonly text: string;
}

export type Sign =
  | "new-network"
  | "new-country"
  | "two-countries"
  | "guessed-password"
  | "unusual-hour"
  | "many-recipients"
  | "new-recipients"
  | "unknown-recipients"
  | "new-author"
  | "repeated-text"
  | "new-program";

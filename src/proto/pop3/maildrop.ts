// The maildrop of one session: message numbers, sizes, unique-ids and deletion marks (RFC 1939 §5). Numbers begin
// at 1 and never change in a session; a marked message does not exist until RSET.

export interface DropMessage {
  /** RFC 1939 §7. */
  readonly id: string;
  /** Octets with CRLF line ends. */
  readonly size: number;
}

export class Maildrop {
  readonly #messages: readonly DropMessage[];
  readonly #marked = new Set<number>();
  #octets: number;
  readonly #allOctets: number;

  constructor(messages: readonly DropMessage[]) {
    this.#messages = messages;
    this.#allOctets = messages.reduce((sum, message) => sum + message.size, 0);
    this.#octets = this.#allOctets;
  }

  /** Messages not marked. */
  get count(): number {
    return this.#messages.length - this.#marked.size;
  }

  /** Octets of the messages not marked. */
  get octets(): number {
    return this.#octets;
  }

  /** The highest number there is, marked or not. */
  get last(): number {
    return this.#messages.length;
  }

  get(number: number): DropMessage | undefined {
    return this.#marked.has(number) ? undefined : this.#messages[number - 1];
  }

  mark(number: number): void {
    const message = this.get(number);
    if (message === undefined) return;
    this.#marked.add(number);
    this.#octets -= message.size;
  }

  unmarkAll(): void {
    this.#marked.clear();
    this.#octets = this.#allOctets;
  }

  /** Indexes, from 0, into what the maildrop was made of. */
  marked(): readonly number[] {
    return [...this.#marked].map((number) => number - 1);
  }
}

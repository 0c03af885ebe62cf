// The bounded window of messages in delivery, and what each domain may have of it.
//
// A domain may have as many as places are free: one domain alone half of the window, two a third each, n domains an
// n+1st. So however many domains hang, there is always room for one more (the dynamic threshold of shared-memory
// switches, Choudhury and Hahne 1998). The bound holds for what enters; what is in stays.

export class ActiveWindow {
  readonly #limit: number;
  readonly #messages = new Map<string, number>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Messages in delivery. */
  get size(): number {
    return this.#size;
  }

  get room(): number {
    return Math.max(0, this.#limit - this.#size);
  }

  enter(): void {
    this.#size++;
  }

  leave(): void {
    this.#size--;
  }

  /** One more message is on its way to the domain. */
  join(domain: string): void {
    this.#messages.set(domain, (this.#messages.get(domain) ?? 0) + 1);
  }

  part(domain: string): void {
    const left = (this.#messages.get(domain) ?? 1) - 1;
    if (left === 0) this.#messages.delete(domain);
    else this.#messages.set(domain, left);
  }

  full(domain: string): boolean {
    return (this.#messages.get(domain) ?? 0) >= this.room;
  }

  fullDomains(): readonly string[] {
    const { room } = this;
    const full: string[] = [];
    for (const [domain, messages] of this.#messages) if (messages >= room) full.push(domain);
    return full;
  }
}

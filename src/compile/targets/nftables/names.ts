// Names of ours as identifiers of nft: letters, digits and "_", none twice. Each has a "_" of ours in it, because words such
// as `fwd` and `dynamic` are keywords.

const longest = 100;

export class NameSpace<Key> {
  readonly #prefix: string;
  readonly #names = new Map<Key, string>();
  readonly #used = new Set<string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get names(): readonly string[] {
    return [...this.#names.values()];
  }

  /** The same for the same key. */
  nameOf(key: Key, wanted: string): string {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const base = identifier(this.#prefix, wanted);
    let name = base;
    for (let count = 2; this.#used.has(name); count++) name = `${base}_${count}`;
    this.#used.add(name);
    this.#names.set(key, name);
    return name;
  }
}

function identifier(prefix: string, wanted: string): string {
  return `${prefix}_${wanted.replaceAll(/[^A-Za-z0-9]/g, "_")}`.slice(0, longest);
}

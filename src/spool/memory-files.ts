// A disk in memory for the tests, as unkind as POSIX allows. It knows what is written and what is durable: a crash
// keeps what was synced, and of the rest any 512-octet blocks, any length in between, any unsynced names. Errors and
// short writes come when a test asks for them. After a failed sync it behaves as Linux does: some of the pages were
// written, all are called clean, and the next sync succeeds without writing the others.

import type { SpoolFile, SpoolFiles } from "./files.ts";

type FaultyCall = "create" | "write" | "sync" | "truncate" | "remove" | "syncNames" | "read";

export interface MemoryDisk {
  /** The disk as one process sees it; after a crash every call of it waits for ever. */
  mount(): SpoolFiles;
  /** What the next calls do, in turn, each for its own kind of call. "short" makes a write take about half. */
  inject(call: FaultyCall, ...faults: readonly ("EIO" | "ENOSPC" | "EINTR" | "short" | undefined)[]): void;
  clearFaults(): void;
  /** Power loss: every open file stops working, what was not durable is decided by `random` (0 ≤ x < 1). */
  crash(random: (name: string) => number): void;
  names(): readonly string[];
  content(name: string): Buffer;
  overwrite(name: string, octets: Uint8Array): void;
  openFiles(): number;
}

const blockLength = 512;

class Inode {
  current: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  readonly dirty = new Set<number>();
  /** A truncation that is not durable yet. */
  shrunk = false;

  write(octets: Uint8Array, position: number): void {
    const end = position + octets.length;
    if (end > this.current.length) this.current = resized(this.current, end);
    this.current.set(octets, position);
    for (let block = Math.floor(position / blockLength); block * blockLength < end; block++) this.dirty.add(block);
  }

  /** Makes the chosen dirty blocks durable. */
  flush(chosen: (block: number) => boolean): void {
    if (this.shrunk && chosen(-1)) {
      this.durable = Buffer.from(this.durable.subarray(0, this.current.length));
      this.shrunk = false;
    }
    for (const block of this.dirty) {
      if (!chosen(block)) continue;
      const from = block * blockLength;
      const part = this.current.subarray(from, Math.min(from + blockLength, this.current.length));
      if (from + part.length > this.durable.length) this.durable = resized(this.durable, from + part.length);
      this.durable.set(part, from);
    }
    this.dirty.clear();
  }
}

function resized(octets: Buffer, length: number): Buffer {
  const larger = Buffer.alloc(length);
  octets.copy(larger);
  return larger;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

export function createMemoryDisk(): MemoryDisk {
  let names = new Map<string, Inode>();
  let durableNames = new Map<string, Inode>();
  let faults = new Map<FaultyCall, (string | undefined)[]>();
  let epoch = 0;
  let open = 0;

  const fault = (kind: FaultyCall): "short" | undefined => {
    const next = faults.get(kind)?.shift();
    if (next !== undefined && next !== "short") throw systemError(next);
    return next === "short" ? "short" : undefined;
  };

  /** Every call takes a turn of the event loop, as on a real disk. */
  const turnSince = async (born: number): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (born !== epoch) await new Promise(() => undefined);
  };

  const fileOn = (inode: Inode, born: number): SpoolFile => {
    open++;
    const turn = (): Promise<void> => turnSince(born);
    return {
      async size() {
        await turn();
        return inode.current.length;
      },
      async read(into, position) {
        await turn();
        fault("read");
        return inode.current.copy(into, 0, position, Math.min(inode.current.length, position + into.length));
      },
      async write(buffers, position) {
        await turn();
        const all = Buffer.concat(buffers);
        const some = fault("write") === "short" ? all.subarray(0, Math.ceil(all.length / 2)) : all;
        inode.write(some, position);
        return some.length;
      },
      async truncate(length) {
        await turn();
        fault("truncate");
        inode.shrunk ||= length < inode.durable.length;
        inode.current = resized(inode.current.subarray(0, length), length);
      },
      async sync() {
        await turn();
        try {
          fault("sync");
        } catch (error) {
          inode.flush((block) => block % 2 === 0);
          throw error;
        }
        inode.flush(() => true);
      },
      async close() {
        await turn();
        open--;
      },
    };
  };

  const inodeOf = (name: string): Inode => {
    const inode = names.get(name);
    if (inode === undefined) throw systemError("ENOENT");
    return inode;
  };

  const mount = (): SpoolFiles => {
    const born = epoch;
    const turn = (): Promise<void> => turnSince(born);
    return {
      async list() {
        await turn();
        return [...names.keys()];
      },
      async create(name) {
        await turn();
        fault("create");
        if (names.has(name)) throw systemError("EEXIST");
        const inode = new Inode();
        names.set(name, inode);
        return fileOn(inode, born);
      },
      async open(name) {
        await turn();
        return fileOn(inodeOf(name), born);
      },
      async rename(name, to) {
        await turn();
        names.set(to, inodeOf(name));
        names.delete(name);
      },
      async remove(name) {
        await turn();
        fault("remove");
        inodeOf(name);
        names.delete(name);
      },
      async syncNames() {
        await turn();
        fault("syncNames");
        durableNames = new Map(names);
      },
    };
  };

  return {
    mount,
    inject(kind, ...next) {
      faults.set(kind, [...(faults.get(kind) ?? []), ...next]);
    },
    clearFaults() {
      faults = new Map();
    },
    crash(random) {
      epoch++;
      open = 0;
      const survivors = new Map<string, Inode>();
      for (const name of new Set([...names.keys(), ...durableNames.keys()])) {
        const now = names.get(name);
        const before = durableNames.get(name);
        const inode = now === before || random(name) < 0.5 ? now : before;
        if (inode === undefined) continue;
        inode.flush(() => random(name) < 0.5);
        const tail = inode.current.length - inode.durable.length;
        if (tail > 0 && random(name) < 0.3)
          inode.durable = resized(inode.durable, inode.durable.length + Math.floor(random(name) * tail));
        const survivor = new Inode();
        survivor.current = Buffer.from(inode.durable);
        survivor.durable = Buffer.from(inode.durable);
        survivors.set(name, survivor);
      }
      names = survivors;
      durableNames = new Map(survivors);
      faults = new Map();
    },
    names: () => [...names.keys()].toSorted(),
    content: (name) => Buffer.from(inodeOf(name).current),
    overwrite(name, octets) {
      const inode = new Inode();
      inode.current = Buffer.from(octets);
      inode.durable = Buffer.from(octets);
      names.set(name, inode);
      durableNames.set(name, inode);
    },
    openFiles: () => open,
  };
}
